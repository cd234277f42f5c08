#include "cli/arguments.hpp"

#include <gtest/gtest.h>

#include "cli/command.hpp"

namespace contain::cli {
namespace {

/// A verb of our own with flags of every kind.
struct trial {
  bool detach = false, interactive = false, tty = false, proxy = true;
  std::string name;
  std::optional<std::string> entrypoint;
  std::vector<std::string> env, positional;

  void parse(std::vector<std::string> words, interspersed how = interspersed::no, arity count = {}) {
    static const command verb{"container", "try again", "[OPTIONS] THING...", "Tries", nullptr};
    console io;
    const invocation call{verb, std::move(words), io, {}};
    arguments flags{call, how};
    flags.flag("-d,--detach", detach, "Detach")
        .flag("-i,--interactive", interactive, "Interactive")
        .flag("-t,--tty", tty, "A terminal")
        .flag("--sig-proxy", proxy, "Proxy")
        .text("--name", name, "Name")
        .text("--entrypoint", entrypoint, "Entrypoint")
        .list("-e,--env", env, "Environment")
        .refused("-p,--publish", "there is no network");
    positional = flags.parse(count);
  }
};

usage_error failure_of(std::vector<std::string> words, arity count = {}) {
  try {
    trial t;
    t.parse(std::move(words), interspersed::no, count);
  } catch (const usage_error& e) {
    return e;
  }
  ADD_FAILURE() << "accepted";
  return {};
}

using words = std::vector<std::string>;

TEST(arguments, combine_short_flags) {
  for (const auto& form : {words{"-dit", "x"}, words{"-d", "-it", "x"}, words{"-tdi", "x"}}) {
    trial t;
    t.parse(form);
    EXPECT_TRUE(t.detach && t.interactive && t.tty);
    EXPECT_EQ(t.positional, words{"x"});
  }
}

TEST(arguments, end_at_the_first_word_that_is_none) {
  trial t;
  t.parse({"-i", "image", "sh", "-t", "--name", "x", "--", "--help"});
  EXPECT_FALSE(t.tty);
  EXPECT_EQ(t.name, "");
  EXPECT_EQ(t.positional, (words{"image", "sh", "-t", "--name", "x", "--", "--help"}));
}

TEST(arguments, interspersed_go_on_until_two_dashes) {
  trial t;
  t.parse({"a", "-t", "b", "--", "-d", "--"}, interspersed::yes);
  EXPECT_TRUE(t.tty);
  EXPECT_FALSE(t.detach);
  EXPECT_EQ(t.positional, (words{"a", "b", "-d", "--"}));
}

TEST(arguments, take_values_in_every_form_of_pflag) {
  for (const auto& form : {words{"-e", "A=1"}, words{"-eA=1"}, words{"-e=A=1"}, words{"--env", "A=1"},
                           words{"--env=A=1"}, words{"-ite", "A=1"}, words{"-iteA=1"}}) {
    trial t;
    t.parse(form);
    EXPECT_EQ(t.env, words{"A=1"}) << form.front();
    EXPECT_TRUE(t.positional.empty());
  }
}

TEST(arguments, take_values_that_are_empty_or_look_like_flags) {
  trial t;
  t.parse({"--name=", "--entrypoint", "", "-e", "-x", "-e", "[a,b]", "-e", "{}", "-e", "", "image"});
  EXPECT_EQ(t.name, "");
  EXPECT_EQ(t.entrypoint, "");
  EXPECT_EQ(t.env, (words{"-x", "[a,b]", "{}", ""}));
  EXPECT_EQ(t.positional, words{"image"});
}

TEST(arguments, an_absent_optional_text_stays_absent) {
  trial t;
  t.parse({"image"});
  EXPECT_FALSE(t.entrypoint);
}

TEST(arguments, the_last_of_several_values_stands_and_lists_keep_their_order) {
  trial t;
  t.parse({"--name", "a", "-e", "1", "--name=b", "-e", "2"});
  EXPECT_EQ(t.name, "b");
  EXPECT_EQ(t.env, (words{"1", "2"}));
}

TEST(arguments, switches_take_go_booleans) {
  trial t;
  t.parse({"--sig-proxy=false", "--tty=1", "-d=T"});
  EXPECT_FALSE(t.proxy);
  EXPECT_TRUE(t.tty && t.detach);
  EXPECT_EQ(failure_of({"--tty=maybe"}).message, "invalid argument \"maybe\" for \"-t, --tty\" flag: not a boolean");
}

TEST(arguments, a_single_dash_is_a_word) {
  trial t;
  t.parse({"-"}, interspersed::yes);
  EXPECT_EQ(t.positional, words{"-"});
}

TEST(arguments, fail_in_docker_words) {
  EXPECT_EQ(failure_of({"--nope"}).message, "unknown flag: --nope");
  EXPECT_EQ(failure_of({"--nope=1"}).message, "unknown flag: --nope");
  EXPECT_EQ(failure_of({"-ix"}).message, "unknown shorthand flag: 'x' in -ix");
  EXPECT_EQ(failure_of({"--name"}).message, "flag needs an argument: --name");
  EXPECT_EQ(failure_of({"-ie"}).message, "flag needs an argument: 'e' in -ie");
  EXPECT_EQ(failure_of({"-p", "80"}).message, "flag -p is not supported: there is no network");
  EXPECT_EQ(failure_of({"--publish=80"}).message, "flag --publish is not supported: there is no network");
  EXPECT_EQ(failure_of({"--nope"}).exit_code, 125);
  EXPECT_EQ(failure_of({"--nope"}).verb, "contain container try");
}

TEST(arguments, count_words_as_docker_does) {
  EXPECT_EQ(failure_of({}, {1}).message, "'contain container try' requires at least 1 argument");
  EXPECT_EQ(failure_of({"a"}, {2, 2}).message, "'contain container try' requires 2 arguments");
  EXPECT_EQ(failure_of({"a", "b"}, {0, 1}).message, "'contain container try' requires at most 1 argument");
  EXPECT_EQ(failure_of({"a"}, {0, 0}).message, "'contain container try' accepts no arguments");
  EXPECT_EQ(failure_of({}, {1}).exit_code, 1);
}

TEST(arguments, help_lists_the_flags_by_name) {
  try {
    trial t;
    t.parse({"--help"}, interspersed::no, {1});
    FAIL();
  } catch (const help_requested& help) {
    EXPECT_EQ(help.text,
              "Usage:  contain container try [OPTIONS] THING...\n\nTries\n\nOptions:\n"
              "  -d, --detach              Detach\n"
              "      --entrypoint string   Entrypoint\n"
              "  -e, --env list            Environment\n"
              "  -i, --interactive         Interactive\n"
              "      --name string         Name\n"
              "      --sig-proxy           Proxy\n"
              "  -t, --tty                 A terminal\n");
  }
}

}  // namespace
}  // namespace contain::cli

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "contain/process.hpp"

namespace contain {
namespace {

error failure_of(const completed& c) {
  try {
    (void)c.check();
  } catch (const error& e) {
    return e;
  }
  return {errc::invalid, "nothing was thrown"};
}

TEST(completed, success_gives_itself) {
  completed c;
  c.out = "hello";
  EXPECT_EQ(c.check().out, "hello");
}

TEST(completed, a_failure_says_command_status_and_last_words) {
  completed c;
  c.command = {"sh", "-c", "exit 3"};
  c.status.code = 3;
  c.err = "sh: no such thing\n";
  const auto e = failure_of(c);
  EXPECT_EQ(e.code(), errc::nonzero_exit);
  EXPECT_EQ(e.subject(), "sh -c exit 3");
  EXPECT_EQ(e.detail(), "exit status 3: sh: no such thing");
}

TEST(completed, a_signal_is_named_and_memory_is_its_own_code) {
  completed c;
  c.command = {"x"};
  c.status.code = 137;
  c.status.signal = 9;
  EXPECT_NE(std::string{failure_of(c).what()}.find("signal 9"), std::string::npos);
  c.status.oom_killed = true;
  EXPECT_EQ(failure_of(c).code(), errc::out_of_memory);
}

TEST(completed, megabytes_of_output_stay_out_of_the_message) {
  completed c;
  c.command = {"x"};
  c.status.code = 1;
  c.err = std::string(1 << 20, 'e') + "the end";
  const std::string what = failure_of(c).what();
  EXPECT_LT(what.size(), 1000U);
  EXPECT_NE(what.find("the end"), std::string::npos);
}

}  // namespace
}  // namespace contain

#include "contain/registry/url.hpp"

#include <gtest/gtest.h>

namespace contain::registry {
namespace {

TEST(url, takes_apart_and_puts_together) {
  const auto u = url::parse("HTTPS://Registry.Example:5000/v2/a?b=c#d");
  ASSERT_TRUE(u);
  EXPECT_EQ(u->scheme, "https");
  EXPECT_EQ(u->host, "registry.example");
  EXPECT_EQ(u->port, 5000);
  EXPECT_EQ(u->target, "/v2/a?b=c");
  EXPECT_EQ(u->text(), "https://registry.example:5000/v2/a?b=c");
  EXPECT_EQ(url::parse("http://[::1]:80/x")->text(), "http://[::1]/x");
  EXPECT_EQ(url::parse("https://h?x")->text(), "https://h/?x");
}

TEST(url, refuses_what_another_reader_may_see_otherwise) {
  for (const auto* text : {"",
                           "h/x",
                           "ftp://h/",
                           "file:///etc/passwd",
                           "https://",
                           "https://user@h/",
                           "https://u:p@h/",
                           "https://h:0/",
                           "https://h:99999/",
                           "https://h:/",
                           "https://h:1:2/",
                           "https://a b/",
                           "https://h/\r\nX: y",
                           "https://h\\@evil/",
                           "https://127.1/",
                           "https://0x7f.0.0.1/",
                           "https://2130706433/",
                           "https://127.0.0.01/",
                           "https://[::1/",
                           "https://[x]/",
                           "https://a..b/"})
    EXPECT_FALSE(url::parse(text)) << text;
}

TEST(url, knows_loopback) {
  for (const auto* host : {"127.0.0.1", "127.8.9.10", "localhost", "[::1]"})
    EXPECT_TRUE(url::parse(std::string{"http://"} + host)->is_loopback()) << host;
  for (const auto* host : {"128.0.0.1", "127.0.0.1.example.org", "localhost.example.org", "[::2]", "10.0.0.1"})
    EXPECT_FALSE(url::parse(std::string{"http://"} + host)->is_loopback()) << host;
}

TEST(url, resolves_locations) {
  const auto base = url::parse("https://h:1/v2/a/b?q").value();
  EXPECT_EQ(base.resolve("/x")->text(), "https://h:1/x");
  EXPECT_EQ(base.resolve("x?y")->text(), "https://h:1/v2/a/x?y");
  EXPECT_EQ(base.resolve("?y")->text(), "https://h:1/v2/a/b?y");
  EXPECT_EQ(base.resolve("//other/x")->text(), "https://other/x");
  EXPECT_EQ(base.resolve("https://o:2/x#f")->text(), "https://o:2/x");
  EXPECT_FALSE(base.resolve(""));
  EXPECT_FALSE(base.resolve("javascript:x"));
}

TEST(url, percent_encodes_for_queries) { EXPECT_EQ(percent_encode("a b/:~\xc3\xa4"), "a%20b%2F%3A~%C3%A4"); }

}  // namespace
}  // namespace contain::registry

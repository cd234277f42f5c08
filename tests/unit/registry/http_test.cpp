#include "contain/registry/http.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "contain/core/error.hpp"
#include "tiny_server.hpp"

namespace contain::registry {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::reply;
using test::seen_request;
using test::tiny_server;

http_request get(const std::string& address) {
  http_request out;
  out.address = url::parse(address).value();
  return out;
}

TEST(http, answers_with_status_headers_and_body) {
  tiny_server server{[](const seen_request& r) { return answer(404, "not " + r.target, "X-Thing:  a b \r\n"); }};
  http_client http{{}};
  const auto got = http.send(get("http://" + server.host() + "/x?y"), 1000);
  EXPECT_EQ(got.status, 404);
  EXPECT_EQ(got.body, "not /x?y");
  EXPECT_EQ(got.header("x-thing"), "a b");
  EXPECT_FALSE(got.failure);
}

TEST(http, authorization_stays_with_its_origin) {
  tiny_server other{[](const seen_request&) { return answer(200, "bytes"); }};
  const auto elsewhere = "Location: http://" + other.host() + "/blob\r\n";
  tiny_server server{[&](const seen_request& r) {
    if (r.target == "/a") return answer(307, "", "Location: /b\r\n");
    return answer(302, "", elsewhere);
  }};
  http_client http{{}};
  auto request = get("http://" + server.host() + "/a");
  request.authorization = "Bearer secret";
  request.headers = {{"Range", "bytes=1-"}};
  const auto got = http.send(request, 1000);
  EXPECT_EQ(got.body, "bytes");
  EXPECT_EQ(got.address.origin(), "http://" + other.host());
  for (const auto& seen : server.seen()) EXPECT_EQ(seen.headers.at("authorization"), "Bearer secret");
  ASSERT_EQ(other.seen().size(), 1U);
  EXPECT_FALSE(other.seen()[0].headers.contains("authorization"));
  EXPECT_EQ(other.seen()[0].headers.at("range"), "bytes=1-");
}

TEST(http, authorization_is_not_taken_up_again_after_a_detour) {
  std::string back;
  tiny_server other{[&](const seen_request&) { return answer(302, "", "Location: " + back + "\r\n"); }};
  tiny_server server{[&](const seen_request& r) {
    if (r.target == "/end") return answer(200, "x");
    return answer(302, "", "Location: http://" + other.host() + "/\r\n");
  }};
  back = "http://" + server.host() + "/end";
  http_client http{{}};
  auto request = get("http://" + server.host() + "/a");
  request.authorization = "Bearer secret";
  EXPECT_EQ(http.send(request, 10).body, "x");
  ASSERT_EQ(server.seen().size(), 2U);
  EXPECT_FALSE(server.seen()[1].headers.contains("authorization"));
}

TEST(http, redirects_lead_only_where_we_go) {
  std::string location;
  tiny_server server{[&](const seen_request&) { return answer(302, "", "Location: " + location + "\r\n"); }};
  http_client http{{}};
  for (const auto* where :
       {"http://192.0.2.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "/again"}) {
    location = where;
    const auto got = http.send(get("http://" + server.host() + "/"), 10);
    ASSERT_TRUE(got.failure) << where;
    EXPECT_EQ(got.failure->what, http_failure::kind::redirect) << where;
  }
}

TEST(http, plain_text_reaches_loopback_only) {
  http_client http{{}};
  EXPECT_THROW((void)http.send(get("http://192.0.2.1/"), 10), error);
}

TEST(http, body_has_a_limit) {
  tiny_server server{[](const seen_request&) { return answer(200, std::string(100'000, 'x')); }};
  http_client http{{}};
  EXPECT_EQ(http.send(get("http://" + server.host() + "/"), 100'000).body.size(), 100'000U);
  const auto got = http.send(get("http://" + server.host() + "/"), 99'999);
  ASSERT_TRUE(got.failure);
  EXPECT_EQ(got.failure->what, http_failure::kind::too_long);
  EXPECT_LE(got.body.size(), 99'999U);
}

TEST(http, endless_headers_are_cut_off) {
  tiny_server server{[](const seen_request&) {
    std::string head = "HTTP/1.1 200 X\r\n";
    for (int i = 0; i < 3000; ++i) head += "X-" + std::to_string(i) + ": " + std::string(50, 'y') + "\r\n";
    return reply{head + "\r\n", false};
  }};
  http_client http{{}};
  EXPECT_TRUE(http.send(get("http://" + server.host() + "/"), 10).failure);
}

TEST(http, failures_have_kinds) {
  http_options impatient;
  impatient.stall_timeout = 300ms;
  http_client http{impatient};
  std::string gone;
  {
    tiny_server server{[](const seen_request&) { return answer(200, ""); }};
    gone = server.host();
  }
  EXPECT_EQ(http.send(get("http://" + gone + "/"), 10).failure->what, http_failure::kind::connect);
  tiny_server cutting{[](const seen_request&) {
    return reply{"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc", false};
  }};
  const auto cut = http.send(get("http://" + cutting.host() + "/"), 10);
  EXPECT_EQ(cut.failure->what, http_failure::kind::cut);
  EXPECT_TRUE(cut.failure->transient());
  tiny_server silent{[](const seen_request&) { return reply{"", true}; }};
  EXPECT_EQ(http.send(get("http://" + silent.host() + "/"), 10).failure->what, http_failure::kind::stalled);
  tiny_server no_tls{[](const seen_request&) { return answer(200, ""); }};
  tiny_server odd{[](const seen_request&) { return reply{"220 smtp ready\r\n", false}; }};
  EXPECT_EQ(http.send(get("http://" + odd.host() + "/"), 10).failure->what, http_failure::kind::protocol);
}

TEST(http, stop_request_ends_a_silent_transfer_at_once) {
  tiny_server silent{[](const seen_request&) { return reply{"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc", true}; }};
  http_client http{{}};
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  std::jthread later{[&] {
    std::this_thread::sleep_for(100ms);
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  }};
  try {
    (void)http.send(get("http://" + silent.host() + "/"), 10, stop.get_token());
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::interrupted);
    EXPECT_LT(std::chrono::steady_clock::now() - asked, 100ms);
  }
  EXPECT_THROW((void)http.send(get("http://" + silent.host() + "/"), 10, stop.get_token()), error);
}

TEST(http, sink_gets_only_good_answers_and_may_throw) {
  int status = 200;
  tiny_server server{[&](const seen_request&) { return answer(status, "hello"); }};
  http_client http{{}};
  std::string taken;
  int heads = 0;
  body_sink sink{[&](const http_response& head) { heads += head.status == 200 ? 1 : 100; },
                 [&](std::span<const std::byte> piece) {
                   taken.append(reinterpret_cast<const char*>(piece.data()), piece.size());
                 }};
  EXPECT_TRUE(http.send(get("http://" + server.host() + "/"), sink).body.empty());
  EXPECT_EQ(taken, "hello");
  EXPECT_EQ(heads, 1);
  status = 500;
  EXPECT_EQ(http.send(get("http://" + server.host() + "/"), sink).body, "hello");
  EXPECT_EQ(heads, 1);
  status = 200;
  sink.piece = [](std::span<const std::byte>) { throw error{errc::exhausted, "write"}; };
  try {
    (void)http.send(get("http://" + server.host() + "/"), sink);
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::exhausted);
  }
}

TEST(http, leaves_the_signal_mask_alone_and_leaks_no_connection) {
  sigset_t before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    tiny_server server{[](const seen_request&) { return answer(200, "x"); }};
    http_client http{{}};
    (void)http.send(get("http://" + server.host() + "/"), 10);
    // libcurl's wakeup pair, an AF_UNIX socket without a peer to talk to, is its own and cannot be marked from here.
    for (int fd = 3; fd < 256; ++fd) {
      sockaddr_storage at{};
      socklen_t size = sizeof at;
      const bool inet = ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0 && at.ss_family == AF_INET;
      EXPECT_TRUE(!inet || (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) << "descriptor " << fd << " would leak";
    }
  }
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int n = 1; n < 32; ++n) EXPECT_EQ(sigismember(&before, n), sigismember(&after, n)) << n;
}

TEST(http, missing_ca_file_is_named) {
  http_options options;
  options.ca_file = "/nonexistent/ca.pem";
  EXPECT_THROW(http_client{options}, error);
}

}  // namespace
}  // namespace contain::registry

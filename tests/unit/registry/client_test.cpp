#include "contain/registry/client.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "contain/oci/media_type.hpp"
#include "tiny_server.hpp"

namespace contain::registry {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::reply;
using test::seen_request;
using test::tiny_server;

client client_for(const tiny_server& server, std::optional<credentials> auth = {}) {
  client_options options;
  options.auth = std::move(auth);
  options.retry.first_delay = 1ms;
  return client{oci::parse_reference(server.host() + "/team/app:v1"), options};
}

/// The error that `what` throws.
template <class F>
error thrown(F&& what) {
  try {
    what();
  } catch (const error& e) {
    return e;
  }
  return error{errc::kernel, "nothing was thrown"};
}

/// Answers the first look at a registry, leaves the rest to `then`.
std::function<reply(const seen_request&)> registry(std::function<reply(const seen_request&)> then) {
  return [then = std::move(then)](const seen_request& r) { return r.target == "/v2/" ? answer(200, "{}") : then(r); };
}

const std::string content(10'000, 'c');

oci::descriptor descriptor_of(const std::string& bytes) {
  oci::descriptor out;
  out.digest = oci::digest::of(bytes);
  out.size = bytes.size();
  return out;
}

std::string collect(client& from, const oci::descriptor& what) {
  std::string out;
  from.get_blob(what, [&](std::span<const std::byte> piece) {
    out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return out;
}

TEST(client, gets_a_manifest_and_checks_its_digest) {
  const std::string body = "{}";
  tiny_server server{registry([&](const seen_request&) {
    return answer(200, body,
                  "Content-Type: " + std::string{oci::media_type::oci_manifest} +
                      "; charset=utf-8\r\nDocker-Content-Digest: " + oci::digest::of(body).text() + "\r\n");
  })};
  auto c = client_for(server);
  const auto got = c.get_manifest("v1");
  EXPECT_EQ(got.bytes, body);
  EXPECT_EQ(got.media_type, oci::media_type::oci_manifest);
  EXPECT_EQ(got.digest, oci::digest::of(body));
  EXPECT_EQ(server.seen().back().target, "/v2/team/app/manifests/v1");
  EXPECT_NE(server.seen().back().headers.at("accept").find(oci::media_type::docker_list), std::string::npos);
  EXPECT_EQ(thrown([&] { (void)c.get_manifest("sha256:" + std::string(64, 'a')); }).code(), errc::digest_mismatch);
}

TEST(client, looks_up_a_manifest_without_its_bytes) {
  const auto digest = oci::digest::of("{}");
  tiny_server server{registry([&](const seen_request& r) {
    if (r.target.ends_with("/none")) return answer(404, "");
    auto out = answer(200, "{}",
                      "Content-Type: " + std::string{oci::media_type::oci_index} +
                          "\r\nDocker-Content-Digest: " + digest.text() + "\r\n");
    if (r.method == "HEAD") out.raw.resize(out.raw.size() - 2);
    return out;
  })};
  auto c = client_for(server);
  const auto found = c.head_manifest("v1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest, digest);
  EXPECT_EQ(found->size, 2U);
  EXPECT_EQ(found->media_type, oci::media_type::oci_index);
  EXPECT_EQ(server.seen().back().method, "HEAD");
  EXPECT_FALSE(c.head_manifest("none"));
}

TEST(client, announced_digest_must_match) {
  tiny_server server{registry([](const seen_request&) {
    return answer(200, "{}", "Docker-Content-Digest: sha256:" + std::string(64, 'a') + "\r\n");
  })};
  auto c = client_for(server);
  EXPECT_EQ(thrown([&] { (void)c.get_manifest("v1"); }).code(), errc::digest_mismatch);
}

TEST(client, errors_name_registry_reference_status_and_code) {
  int status = 404;
  tiny_server server{registry([&](const seen_request&) {
    return answer(status, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest \u001b[31munknown"}]})",
                  "Retry-After: 3600\r\n");
  })};
  auto c = client_for(server);
  auto e = thrown([&] { (void)c.get_manifest("v1"); });
  EXPECT_EQ(e.code(), errc::image_not_found);
  EXPECT_EQ(e.subject(), server.host() + "/team/app:v1");
  EXPECT_EQ(e.detail(), "registry " + server.host() + " answered 404 MANIFEST_UNKNOWN: manifest ?[31munknown");
  status = 401;
  e = thrown([&] { (void)c.get_manifest("v1"); });
  EXPECT_EQ(e.code(), errc::auth);
  EXPECT_NE(e.hint().find("login " + server.host()), std::string::npos) << e.hint();
  status = 429;
  e = thrown([&] { (void)c.get_manifest("v1"); });
  EXPECT_EQ(e.code(), errc::registry_unreachable);
  EXPECT_NE(e.hint().find("3600"), std::string::npos) << e.hint();
  status = 418;
  EXPECT_EQ(thrown([&] { (void)c.get_manifest("v1"); }).code(), errc::protocol);
}

TEST(client, long_manifest_is_refused) {
  tiny_server server{registry([](const seen_request&) { return answer(200, std::string((4U << 20U) + 1, ' ')); })};
  auto c = client_for(server);
  EXPECT_EQ(thrown([&] { (void)c.get_manifest("v1"); }).code(), errc::protocol);
}

TEST(client, schema_one_is_refused_with_words) {
  tiny_server server{registry([](const seen_request&) {
    return answer(200, "{}", "Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n");
  })};
  auto c = client_for(server);
  const auto e = thrown([&] { (void)c.get_manifest("v1"); });
  EXPECT_EQ(e.code(), errc::protocol);
  EXPECT_NE(e.detail().find("schema 1"), std::string::npos);
}

TEST(client, tries_again_when_the_registry_has_hiccups) {
  int asked = 0;
  tiny_server server{registry([&](const seen_request&) { return ++asked < 4 ? answer(503, "") : answer(200, "{}"); })};
  auto c = client_for(server);
  EXPECT_EQ(c.get_manifest("v1").bytes, "{}");
  EXPECT_EQ(asked, 4);
  asked = -100;
  EXPECT_EQ(thrown([&] { (void)c.get_manifest("v1"); }).code(), errc::registry_unreachable);
  EXPECT_EQ(asked, -95) << "five attempts";
}

TEST(client, waits_as_long_as_asked) {
  int asked = 0;
  tiny_server server{registry(
      [&](const seen_request&) { return ++asked < 2 ? answer(429, "", "Retry-After: 1\r\n") : answer(200, "{}"); })};
  auto c = client_for(server);
  const auto begun = std::chrono::steady_clock::now();
  (void)c.get_manifest("v1");
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 1s);
}

/// Gives at most 3000 bytes of a blob, then breaks the connection.
reply truncated(const seen_request& r, bool knows_ranges) {
  std::size_t from = 0;
  if (const auto range = r.headers.find("range"); knows_ranges && range != r.headers.end())
    from = std::stoul(range->second.substr(6));
  const auto head = from == 0
                        ? "HTTP/1.1 200 OK\r\n"
                        : "HTTP/1.1 206 Partial\r\nContent-Range: bytes " + std::to_string(from) + "-9999/10000\r\n";
  return {head + "Content-Length: " + std::to_string(content.size() - from) + "\r\n\r\n" +
              content.substr(from, knows_ranges ? 3000 : std::string::npos),
          false};
}

TEST(client, goes_on_where_the_connection_broke) {
  tiny_server server{registry([](const seen_request& r) { return truncated(r, true); })};
  auto c = client_for(server);
  EXPECT_EQ(collect(c, descriptor_of(content)), content);
  std::vector<std::string> ranges;
  for (const auto& seen : server.seen())
    if (seen.headers.contains("range")) ranges.push_back(seen.headers.at("range"));
  EXPECT_EQ(ranges, (std::vector<std::string>{"bytes=3000-", "bytes=6000-", "bytes=9000-"}));
}

TEST(client, passes_over_what_it_has_when_ranges_are_unknown) {
  int asked = 0;
  tiny_server server{registry([&](const seen_request& r) {
    auto full = truncated(r, false);
    if (++asked == 1) full.raw.resize(full.raw.size() - 4000);
    return full;
  })};
  auto c = client_for(server);
  EXPECT_EQ(collect(c, descriptor_of(content)), content);
  EXPECT_EQ(asked, 2);
}

TEST(client, wrong_range_is_refused) {
  tiny_server server{registry([](const seen_request& r) {
    if (!r.headers.contains("range")) return truncated(r, true);
    return answer(206, "x", "Content-Range: bytes 0-0/10000\r\n");
  })};
  auto c = client_for(server);
  EXPECT_EQ(thrown([&] { (void)collect(c, descriptor_of(content)); }).code(), errc::protocol);
}

TEST(client, gives_up_on_a_blob_that_does_not_move) {
  tiny_server server{registry([](const seen_request&) {
    return reply{"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n", false};
  })};
  auto c = client_for(server);
  EXPECT_EQ(thrown([&] { (void)collect(c, descriptor_of(content)); }).code(), errc::registry_unreachable);
  EXPECT_EQ(server.seen().size(), 6U) << "one look at the registry and five attempts";
}

TEST(client, more_bytes_than_announced_are_refused) {
  tiny_server server{registry([](const seen_request&) { return answer(200, content + "x"); })};
  auto c = client_for(server);
  EXPECT_EQ(thrown([&] { (void)collect(c, descriptor_of(content)); }).code(), errc::digest_mismatch);
}

TEST(client, documents_are_verified) {
  tiny_server server{registry([](const seen_request&) { return answer(200, "abd"); })};
  auto c = client_for(server);
  EXPECT_EQ(thrown([&] { (void)c.get_document(descriptor_of("abc"), 100); }).code(), errc::digest_mismatch);
  EXPECT_EQ(c.get_document(descriptor_of("abd"), 100), "abd");
  EXPECT_EQ(thrown([&] { (void)c.get_document(descriptor_of("abd"), 2); }).code(), errc::corrupt);
}

TEST(client, challenge_of_another_host_is_not_answered) {
  tiny_server other{[](const seen_request&) { return answer(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n"); }};
  tiny_server server{
      registry([&](const seen_request&) { return answer(307, "", "Location: http://" + other.host() + "/blob\r\n"); })};
  auto c = client_for(server, credentials{"u", "secret", ""});
  EXPECT_EQ(thrown([&] { (void)collect(c, descriptor_of(content)); }).code(), errc::auth);
  for (const auto& seen : other.seen()) EXPECT_FALSE(seen.headers.contains("authorization"));
}

TEST(client, unreachable_registry_is_named) {
  std::string gone;
  {
    tiny_server server{[](const seen_request&) { return answer(200, ""); }};
    gone = server.host();
  }
  client c{oci::parse_reference(gone + "/a"), {}};
  const auto e = thrown([&] { c.ping(); });
  EXPECT_EQ(e.code(), errc::registry_unreachable);
  EXPECT_NE(std::string{e.what()}.find(gone), std::string::npos);
  EXPECT_NE(std::string{e.what()}.find("Connection refused"), std::string::npos) << e.what();
}

}  // namespace
}  // namespace contain::registry

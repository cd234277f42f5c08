#include "contain/registry/auth.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "tiny_server.hpp"

namespace contain::registry {
namespace {

using test::answer;
using test::seen_request;
using test::tiny_server;

TEST(challenge, reads_one_bearer) {
  const auto all = parse_challenges(
      R"(Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push",error="x")");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].scheme, "bearer");
  EXPECT_EQ(all[0].parameters.at("realm"), "https://auth.example/token");
  EXPECT_EQ(all[0].parameters.at("scope"), "repository:a/b:pull,push");
}

TEST(challenge, reads_several_in_one_header) {
  const auto all = parse_challenges(R"(Negotiate, BASIC Realm = "a \"b\", c" , charset=UTF-8,bearer realm=x)");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], (challenge{"negotiate", {}}));
  EXPECT_EQ(all[1], (challenge{"basic", {{"realm", R"(a "b", c)"}, {"charset", "UTF-8"}}}));
  EXPECT_EQ(all[2], (challenge{"bearer", {{"realm", "x"}}}));
}

TEST(challenge, nonsense_gives_nothing_more) {
  EXPECT_TRUE(parse_challenges("").empty());
  EXPECT_TRUE(parse_challenges(",,,").empty());
  EXPECT_TRUE(parse_challenges("\"x\"").empty());
  EXPECT_TRUE(parse_challenges(R"(Basic realm="no end)").front().parameters.empty());
  EXPECT_EQ(parse_challenges("Basic realm=").size(), 1U);
}

TEST(base64, both_ways) {
  for (const auto& [plain, packed] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"user:pässword", "dXNlcjpww6Rzc3dvcmQ="}}) {
    EXPECT_EQ(base64_encode(plain), packed);
    EXPECT_EQ(base64_decode(packed), plain);
  }
  EXPECT_EQ(base64_decode("Zg"), "f");
  EXPECT_FALSE(base64_decode("Z"));
  EXPECT_FALSE(base64_decode("Zm 9"));
}

TEST(auth_file, finds_by_host_and_by_path) {
  const std::string file = R"({"auths":{
      "https://index.docker.io/v1/":{"auth":"aHViOnB3"},
      "reg.example:5000":{"auth":"YTpiOmM="},
      "reg.example:5000/team":{"auth":"dGVhbTp4"},
      "http://plain.example/v2/":{"username":"u","password":"p"},
      "token.example":{"auth":"","identitytoken":"tok"},
      "empty.example":{}},
      "credsStore":"desktop"})";
  EXPECT_EQ(find_credentials(file, "docker.io", "library/alpine"), (credentials{"hub", "pw", ""}));
  EXPECT_EQ(find_credentials(file, "reg.example:5000", "x"), (credentials{"a", "b:c", ""}));
  EXPECT_EQ(find_credentials(file, "reg.example:5000", "team/x"), (credentials{"team", "x", ""}));
  EXPECT_EQ(find_credentials(file, "reg.example:5000", "teams/x")->username, "a");
  EXPECT_EQ(find_credentials(file, "plain.example", "x")->username, "u");
  EXPECT_EQ(find_credentials(file, "token.example", "x")->identity_token, "tok");
  EXPECT_FALSE(find_credentials(file, "empty.example", "x"));
  EXPECT_FALSE(find_credentials(file, "reg.example", "x")) << "another port is another registry";
  EXPECT_FALSE(find_credentials("{}", "a", "x"));
}

TEST(auth_file, damage_is_an_error_that_keeps_the_secret) {
  try {
    (void)find_credentials(R"({"auths":{"a":{"auth":"c2VjcmV0 c2VjcmV0"}}})", "a", "x");
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::corrupt);
    EXPECT_EQ(std::string{e.what()}.find("c2Vj"), std::string::npos) << e.what();
  }
  try {
    (void)find_credentials(R"({"auths": "c2VjcmV0)", "a", "x");
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(std::string{e.what()}.find("c2Vj"), std::string::npos) << e.what();
  }
}

http_response unauthorized(const std::string& from, const std::string& challenge) {
  http_response out;
  out.status = 401;
  out.address = url::parse("http://" + from + "/v2/").value();
  out.headers = {{"www-authenticate", challenge}};
  return out;
}

TEST(authorizer, basic_needs_credentials_and_is_not_repeated) {
  http_client http{{}};
  authorizer without{std::nullopt, "s"};
  EXPECT_FALSE(without.answer(unauthorized("127.0.0.1:1", R"(Basic realm="x")"), "", http, {}));
  authorizer with{credentials{"u", "p", ""}, "s"};
  const auto value = with.answer(unauthorized("127.0.0.1:1", R"(Basic realm="x")"), "", http, {});
  EXPECT_EQ(value, "Basic dTpw");
  EXPECT_EQ(with.authorization(), "Basic dTpw");
  EXPECT_FALSE(with.answer(unauthorized("127.0.0.1:1", R"(Basic realm="x")"), *value, http, {}));
}

TEST(authorizer, fetches_a_token_once) {
  tiny_server issuer{[](const seen_request&) { return answer(200, R"({"token":"T1","expires_in":300})"); }};
  http_client http{{}};
  authorizer auth{credentials{"u", "p", ""}, "repository:a/b:pull"};
  const auto challenge = "Bearer realm=\"http://" + issuer.host() + "/token\",service=\"my reg\"";
  EXPECT_EQ(auth.answer(unauthorized("127.0.0.1:1", challenge), "", http, {}), "Bearer T1");
  EXPECT_EQ(auth.answer(unauthorized("127.0.0.1:1", challenge), "", http, {}), "Bearer T1") << "a second thread";
  EXPECT_EQ(auth.authorization(), "Bearer T1");
  const auto seen = issuer.seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].target, "/token?service=my%20reg&scope=repository%3Aa%2Fb%3Apull&account=u");
  EXPECT_EQ(seen[0].headers.at("authorization"), "Basic dTpw");
}

TEST(authorizer, identity_token_goes_by_post) {
  tiny_server issuer{[](const seen_request&) { return answer(200, R"({"access_token":"T2"})"); }};
  http_client http{{}};
  authorizer auth{credentials{"", "", "refresh&me"}, "s"};
  EXPECT_EQ(auth.answer(unauthorized("127.0.0.1:1", "Bearer realm=\"http://" + issuer.host() + "/t\",service=\"r\""),
                        "", http, {}),
            "Bearer T2");
  const auto seen = issuer.seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].body, "grant_type=refresh_token&client_id=contain&service=r&scope=s&refresh_token=refresh%26me");
}

TEST(authorizer, refuses_token_services_that_are_unsafe_or_refuse) {
  http_client http{{}};
  authorizer auth{credentials{"u", "p", ""}, "s"};
  const auto code_of = [&](const http_response& from) {
    try {
      (void)auth.answer(from, "", http, {});
    } catch (const error& e) {
      return e.code();
    }
    return errc::invalid;
  };
  EXPECT_EQ(code_of(unauthorized("127.0.0.1:1", R"(Bearer realm="http://192.0.2.1/t")")), errc::protocol);
  EXPECT_EQ(code_of(unauthorized("127.0.0.1:1", R"(Bearer realm="file:///etc/passwd")")), errc::protocol);
  EXPECT_EQ(code_of(unauthorized("127.0.0.1:1", "Bearer x=y")), errc::protocol);
  auto tls = unauthorized("127.0.0.1:1", R"(Bearer realm="http://127.0.0.1:1/t")");
  tls.address.scheme = "https";
  EXPECT_EQ(code_of(tls), errc::protocol) << "from TLS to the clear";

  tiny_server refusing{[](const seen_request&) { return answer(401, R"({"details":"incorrect username"})"); }};
  EXPECT_EQ(code_of(unauthorized("127.0.0.1:1", "Bearer realm=\"http://" + refusing.host() + "/\"")), errc::auth);
  tiny_server sly{[](const seen_request&) { return answer(200, R"({"token":"a\r\nX-Evil: b"})"); }};
  EXPECT_EQ(code_of(unauthorized("127.0.0.1:1", "Bearer realm=\"http://" + sly.host() + "/\"")), errc::protocol);
}

}  // namespace
}  // namespace contain::registry

#include "contain/registry/auth.hpp"

#include <algorithm>
#include <mutex>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "oci/json_reader.hpp"
#include "registry/answer.hpp"
#include "registry/retry.hpp"

namespace contain::registry {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t max_token_answer = std::size_t{1} << 20U;
constexpr std::int64_t default_token_life = 60;  // token spec: seconds when expires_in is absent
constexpr std::chrono::seconds expiry_margin{10};

bool is_token_char(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

/// Walks a WWW-Authenticate value. RFC 7235 §4.1: commas separate both challenges and parameters, so a word followed
/// by '=' is a parameter and any other word begins a challenge.
class challenge_reader {
 public:
  explicit challenge_reader(std::string_view text) : rest_(text) {}

  std::vector<challenge> read() {
    std::vector<challenge> out;
    for (;;) {
      skip(" \t,");
      if (rest_.empty()) return out;
      const auto word = take_token();
      if (word.empty()) return out;  // nothing sensible follows
      skip(" \t");
      if (!out.empty() && rest_.starts_with('=')) {
        rest_.remove_prefix(1);
        skip(" \t");
        auto value = take_value();
        if (!value) return out;
        out.back().parameters.emplace(lower(word), *std::move(value));
        continue;
      }
      out.push_back({lower(word), {}});
    }
  }

 private:
  void skip(std::string_view what) noexcept {
    const auto first = rest_.find_first_not_of(what);
    rest_ = first == std::string_view::npos ? std::string_view{} : rest_.substr(first);
  }
  std::string_view take_token() noexcept {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_char);
    const auto token = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(token.size());
    return token;
  }
  std::optional<std::string> take_value() {
    if (!rest_.starts_with('"')) return std::string{take_token()};
    std::string out;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return out;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
      out += rest_[i];
    }
    return std::nullopt;  // the quote never ends
  }
  std::string_view rest_;
};

const challenge* find_scheme(const std::vector<challenge>& all, std::string_view scheme) noexcept {
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.scheme == scheme; });
  return found == all.end() ? nullptr : &*found;
}

std::string parameter(const challenge& c, const char* name) {
  const auto found = c.parameters.find(name);
  return found == c.parameters.end() ? std::string{} : found->second;
}

/// A value that may follow "Bearer " in a header: nothing that could begin another header.
bool is_safe_token(std::string_view token) noexcept {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::vector<challenge> parse_challenges(std::string_view header) { return challenge_reader{header}.read(); }

std::string basic_authorization(std::string_view username, std::string_view password) {
  return "Basic " + base64_encode(text::cat(username, ':', password));
}

struct authorizer::state {
  std::optional<credentials> who;
  std::string scope;
  mutable std::mutex mutex;
  std::string value;  ///< of the Authorization header; empty when none is needed yet
  clock::time_point expires{clock::time_point::max()};

  std::string fetch_token(const challenge& bearer, const url& registry, http_client& http, const std::stop_token& stop);
  [[nodiscard]] http_request token_request(const challenge& bearer, const url& realm) const;
};

http_request authorizer::state::token_request(const challenge& bearer, const url& realm) const {
  http_request out;
  out.address = realm;
  out.headers = {{"Accept", "application/json"}};
  const auto service = parameter(bearer, "service");
  auto wanted = parameter(bearer, "scope");
  if (wanted.empty()) wanted = scope;
  if (who && !who->identity_token.empty()) {
    out.method = http_request::verb::post;
    out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    out.body = "grant_type=refresh_token&client_id=contain&service=" + percent_encode(service) +
               "&scope=" + percent_encode(wanted) + "&refresh_token=" + percent_encode(who->identity_token);
    return out;
  }
  auto& target = out.address.target;
  char separator = target.find('?') == std::string::npos ? '?' : '&';
  const auto add = [&](std::string_view name, const std::string& words) {
    if (words.empty()) return;
    target += separator;
    target += text::cat(name, '=', percent_encode(words));
    separator = '&';
  };
  add("service", service);
  // Several scopes are separated by blanks in a challenge and are one parameter each in a request.
  for (const auto one : text::split(wanted, ' ')) add("scope", std::string{one});
  if (who) {
    add("account", who->username);
    out.authorization = basic_authorization(who->username, who->password);
  }
  return out;
}

std::string authorizer::state::fetch_token(const challenge& bearer, const url& registry, http_client& http,
                                           const std::stop_token& stop) {
  const std::string operation = "get token";
  const auto realm_text = parameter(bearer, "realm");
  const auto realm = url::parse(realm_text);
  // A registry over TLS must not make us talk in the clear, not even to loopback.
  const bool fine = realm && (realm->scheme == "https" || (realm->is_loopback() && registry.scheme == "http"));
  if (!fine)
    throw error{errc::protocol, operation, printable(realm_text, 200),
                "the registry names a token service that is no https address"};

  const auto request = token_request(bearer, *realm);
  backoff tries{retry_policy{}};
  http_response answer;
  do {
    answer = http.send(request, max_token_answer, stop);
  } while ((answer.failure || answer.status / 100 != 2) && tries.again(answer, stop));
  if (answer.failure) throw unreachable(*answer.failure, answer.address, operation, realm->origin());
  if (answer.status == 401 || answer.status == 403 || answer.status == 400) {
    const auto said = complaint(answer.body);
    const auto what = who ? text::cat("the token service refused user ", printable(who->username, 80))
                          : std::string{"the token service gives no anonymous access"};
    throw error{errc::auth, operation, realm->origin(),
                text::cat(what, ": ", answer.status, said.empty() ? "" : " ", said)};
  }
  if (answer.status / 100 != 2) throw refused(answer, operation, realm->origin());

  const oci::detail::document doc{answer.body, "answer of the token service", max_token_answer};
  const auto root = doc.root();
  auto token = root.string_or_empty("token");
  if (token.empty()) token = root.string_or_empty("access_token");
  if (!is_safe_token(token)) throw error{errc::protocol, operation, realm->origin(), "the answer has no usable token"};
  const auto life = root.find("expires_in");
  const auto seconds = life ? life->integer(0, 10L * 365 * 24 * 3600) : default_token_life;
  expires = clock::now() + std::chrono::seconds{std::max(seconds, default_token_life)} - expiry_margin;
  return "Bearer " + token;
}

authorizer::authorizer(std::optional<credentials> who, std::string scope) : state_(std::make_unique<state>()) {
  state_->who = std::move(who);
  state_->scope = std::move(scope);
}

authorizer::~authorizer() = default;

std::string authorizer::authorization() const {
  const std::lock_guard lock{state_->mutex};
  return clock::now() < state_->expires ? state_->value : std::string{};
}

bool authorizer::has_credentials() const noexcept { return state_->who.has_value(); }

std::optional<std::string> authorizer::answer(const http_response& unauthorized, const std::string& refused_value,
                                              http_client& http, const std::stop_token& stop) {
  std::vector<challenge> challenges;
  for (const auto& [name, value] : unauthorized.headers) {
    if (name != "www-authenticate") continue;
    for (auto& one : parse_challenges(value)) challenges.push_back(std::move(one));
  }
  const std::lock_guard lock{state_->mutex};
  // Another thread was refused too and has been here already.
  if (!state_->value.empty() && state_->value != refused_value && clock::now() < state_->expires) return state_->value;

  const auto* bearer = find_scheme(challenges, "bearer");
  const auto* basic = find_scheme(challenges, "basic");
  if (bearer != nullptr) {
    state_->value = state_->fetch_token(*bearer, unauthorized.address, http, stop);
  } else if (basic != nullptr && state_->who && !state_->who->username.empty()) {
    auto value = basic_authorization(state_->who->username, state_->who->password);
    if (value == refused_value) return std::nullopt;
    state_->value = std::move(value);
    state_->expires = clock::time_point::max();
  } else {
    return std::nullopt;
  }
  return state_->value;
}

}  // namespace contain::registry

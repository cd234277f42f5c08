#include "contain/registry/client.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/oci/manifest.hpp"
#include "contain/oci/media_type.hpp"
#include "registry/answer.hpp"
#include "registry/retry.hpp"

namespace contain::registry {
namespace {

constexpr std::size_t max_ping_body = std::size_t{64} << 10U;
/// A connection that breaks this often in one blob will not carry it to the end.
constexpr unsigned max_resumptions = 100;

/// Docker Hub's name in references is not the host that serves its API.
std::string api_host(const std::string& domain) { return domain == "docker.io" ? "registry-1.docker.io" : domain; }

std::string accept_list() {
  std::string out;
  for (const auto type : oci::media_type::accepted) {
    if (!out.empty()) out += ", ";
    out += type;
  }
  return out;
}

bool is_success(const http_response& answer) noexcept {
  return !answer.failure && answer.status >= 200 && answer.status < 300;
}

/// The first byte of "bytes 100-199/200".
std::optional<std::uint64_t> range_start(const http_response& answer) {
  auto value = answer.header("content-range").value_or("");
  if (!value.starts_with("bytes ")) return std::nullopt;
  value.remove_prefix(6);
  return text::parse_unsigned<std::uint64_t>(value.substr(0, value.find('-')));
}

/// The type the answer claims; nothing where it is a general one and the document has to say.
std::string claimed_type(const http_response& answer) {
  const auto type = oci::media_type_essence(answer.header("content-type").value_or(""));
  const bool general = type == "application/json" || type == "text/plain" || type == "application/octet-stream";
  return general ? std::string{} : std::string{type};
}

}  // namespace

/// What siblings share.
struct repository_access {
  repository_access(oci::reference at, client_options with)
      : where(std::move(at)),
        options(std::move(with)),
        auth(options.auth, "repository:" + where.repository + ":pull") {}
  const oci::reference where;
  const client_options options;
  authorizer auth;
  std::mutex mutex;
  std::optional<url> base;  ///< "https://host:port/", once it is known to answer
};

struct client::state {
  explicit state(std::shared_ptr<repository_access> a) : access(std::move(a)), http(access->options.http) {}

  url base(const std::stop_token& stop);
  url find_loopback_base(const std::stop_token& stop);
  http_request request(http_request::verb verb, std::string_view path, const std::stop_token& stop);
  template <class Send>
  http_response authorized(http_request& request, Send&& send, const std::stop_token& stop);
  http_response document(http_request request, std::size_t max_bytes, const std::stop_token& stop);
  http_response get_manifest_answer(http_request::verb verb, std::string_view key, const std::stop_token& stop);
  bool blob_attempt(const oci::descriptor& what, std::uint64_t& done, const body_sink& to, backoff& tries,
                    const std::stop_token& stop);

  [[nodiscard]] std::string path(std::string_view kind, std::string_view key) const {
    return text::cat("/v2/", access->where.repository, '/', kind, '/', key);
  }
  [[nodiscard]] std::string name_of(std::string_view key) const {
    return text::cat(access->where.familiar_name(), key.find(':') == std::string_view::npos ? ':' : '@', key);
  }
  [[nodiscard]] error failed(const http_response& answer, std::string operation, std::string subject) const;
  [[nodiscard]] std::string auth_hint() const;

  std::shared_ptr<repository_access> access;
  http_client http;
};

error client::state::failed(const http_response& answer, std::string operation, std::string subject) const {
  if (answer.failure) return unreachable(*answer.failure, answer.address, std::move(operation), std::move(subject));
  auto e = refused(answer, std::move(operation), std::move(subject));
  if (e.code() == errc::auth) e.with_hint(auth_hint());
  return e;
}

std::string client::state::auth_hint() const {
  const auto& domain = access->where.domain;
  return access->options.auth
             ? "the credentials given for " + domain + " do not open it; check them, and the name of the repository"
             : "docker login " + domain + " keeps credentials where they are found; or name a file with --authfile";
}

/// Plain first: a server that wants TLS refuses that at once, while a plain one may wait forever for the end of what
/// it takes for a line. Only loopback, and nothing secret is sent.
url client::state::find_loopback_base(const std::stop_token& stop) {
  const auto& domain = access->where.domain;
  http_request ping;
  ping.address = url::parse("http://" + domain + "/v2/").value();
  auto plain = http.send(ping, max_ping_body, stop);
  const bool wants_tls = plain.failure ? plain.failure->what == http_failure::kind::protocol ||
                                             plain.failure->what == http_failure::kind::cut
                                       : plain.status == 400;
  if (!wants_tls) {
    if (plain.failure) throw failed(plain, "reach registry", domain);
    return url::parse("http://" + domain + "/").value();
  }
  ping.address = url::parse("https://" + domain + "/v2/").value();
  const auto secure = http.send(ping, max_ping_body, stop);
  // The plain answer is the better explanation when neither worked, unless TLS itself came about.
  if (secure.failure)
    throw failed(secure.failure->what == http_failure::kind::protocol ? plain : secure, "reach registry", domain);
  return url::parse("https://" + domain + "/").value();
}

url client::state::base(const std::stop_token& stop) {
  const std::lock_guard lock{access->mutex};
  if (access->base) return *access->base;
  const auto secure = url::parse("https://" + api_host(access->where.domain) + "/");
  if (!secure)
    throw error{errc::invalid, "read registry name", access->where.domain,
                "not a host name or address that can be used"};
  access->base = secure->is_loopback() ? find_loopback_base(stop) : *secure;
  return *access->base;
}

http_request client::state::request(http_request::verb verb, std::string_view path, const std::stop_token& stop) {
  http_request out;
  out.method = verb;
  out.address = base(stop);
  out.address.target = path;
  return out;
}

/// One attempt, two when the first was refused for want of authorization. A challenge counts only when the registry
/// itself made it, not the host a redirect led to.
template <class Send>
http_response client::state::authorized(http_request& request, Send&& send, const std::stop_token& stop) {
  request.authorization = access->auth.authorization();
  auto answer = send(request);
  if (answer.failure || answer.status != 401 || answer.address.origin() != request.address.origin()) return answer;
  std::optional<std::string> value;
  try {
    value = access->auth.answer(answer, request.authorization, http, stop);
  } catch (error& e) {
    if (e.code() == errc::auth) e.with_hint(auth_hint());
    throw;
  }
  if (!value) return answer;
  request.authorization = *std::move(value);
  return send(request);
}

http_response client::state::document(http_request request, std::size_t max_bytes, const std::stop_token& stop) {
  backoff tries{access->options.retry};
  for (;;) {
    auto answer = authorized(
        request, [&](const http_request& r) { return http.send(r, max_bytes, stop); }, stop);
    if (is_success(answer) || !tries.again(answer, stop)) return answer;
  }
}

http_response client::state::get_manifest_answer(http_request::verb verb, std::string_view key,
                                                 const std::stop_token& stop) {
  auto ask = request(verb, path("manifests", key), stop);
  ask.headers = {{"Accept", accept_list()}};
  return document(std::move(ask), oci::max_manifest_bytes, stop);
}

client::client(oci::reference where, client_options options)
    : state_(std::make_unique<state>(std::make_shared<repository_access>(std::move(where), std::move(options)))) {}
client::client(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

client client::sibling() const { return client{std::make_unique<state>(state_->access)}; }

void client::ping(const std::stop_token& stop) {
  const auto answer = state_->document(state_->request(http_request::verb::get, "/v2/", stop), max_ping_body, stop);
  if (!is_success(answer)) throw state_->failed(answer, "reach registry", state_->access->where.domain);
}

fetched_manifest client::get_manifest(std::string_view key, const std::stop_token& stop) {
  const std::string operation = "pull manifest";
  const auto subject = state_->name_of(key);
  auto answer = state_->get_manifest_answer(http_request::verb::get, key, stop);
  if (!is_success(answer)) throw state_->failed(answer, operation, subject);

  fetched_manifest out;
  out.media_type = claimed_type(answer);
  if (oci::is_schema1(out.media_type))
    throw error{errc::protocol, operation, subject,
                "the registry has it as a manifest of schema 1 only, retired because it cannot be verified"}
        .with_hint("skopeo copy --format v2s2 converts it; or push the image again with a current tool");
  out.bytes = std::move(answer.body);
  out.digest = oci::digest::of(out.bytes);
  const auto verify = [&](std::string_view text, std::string_view who) {
    const auto expected = oci::digest::parse(text);
    if (!expected) return;  // a tag, or a header that says nothing
    if (expected->algorithm() != oci::digest_algorithm::sha256)
      throw error{errc::protocol, operation, subject, "only sha256 digests can be verified"};
    if (*expected != out.digest)
      throw error{errc::digest_mismatch, operation, subject,
                  text::cat(who, ' ', expected->text(), ", the bytes are ", out.digest.text())};
  };
  verify(key, "asked for");
  verify(answer.header("docker-content-digest").value_or(""), "the registry announced");
  return out;
}

std::optional<oci::descriptor> client::head_manifest(std::string_view key, const std::stop_token& stop) {
  const auto answer = state_->get_manifest_answer(http_request::verb::head, key, stop);
  if (!answer.failure && answer.status == 404) return std::nullopt;
  if (!is_success(answer)) throw state_->failed(answer, "look up manifest", state_->name_of(key));
  oci::descriptor out;
  out.media_type = claimed_type(answer);
  out.digest = oci::digest::parse(answer.header("docker-content-digest").value_or("")).value_or(oci::digest{});
  out.size = text::parse_unsigned<std::uint64_t>(answer.header("content-length").value_or("")).value_or(0);
  return out;
}

std::string client::get_document(const oci::descriptor& what, std::size_t max_bytes, const std::stop_token& stop) {
  const std::string operation = "pull document";
  const auto subject = state_->name_of(what.digest.text());
  if (what.size > max_bytes)
    throw error{errc::corrupt, operation, subject, text::cat("said to be ", what.size, " bytes; at most ", max_bytes)};
  if (what.digest.algorithm() != oci::digest_algorithm::sha256)
    throw error{errc::protocol, operation, subject, "only sha256 digests can be verified"};
  auto ask = state_->request(http_request::verb::get, state_->path("blobs", what.digest.text()), stop);
  auto answer = state_->document(std::move(ask), static_cast<std::size_t>(what.size) + 1, stop);
  if (!is_success(answer)) throw state_->failed(answer, operation, subject);
  const auto got = oci::digest::of(answer.body);
  if (got != what.digest || answer.body.size() != what.size)
    throw error{errc::digest_mismatch, operation, subject,
                text::cat("got ", answer.body.size(), " bytes with digest ", got.text())};
  return std::move(answer.body);
}

/// True when the blob is complete; false when it is worth going on from `done`, after a pause.
bool client::state::blob_attempt(const oci::descriptor& what, std::uint64_t& done, const body_sink& to, backoff& tries,
                                 const std::stop_token& stop) {
  auto ask = request(http_request::verb::get, path("blobs", what.digest.text()), stop);
  if (done != 0) ask.headers.emplace_back("Range", text::cat("bytes=", done, '-'));
  auto answer = authorized(
      ask, [&](const http_request& r) { return http.send(r, to, stop); }, stop);
  if (is_success(answer) && done == what.size) return true;
  // A server that ends the body early without saying so, or says a wrong length.
  if (is_success(answer))
    answer.failure = {http_failure::kind::cut, text::cat("the answer ended after ", done, " of ", what.size, " bytes")};
  if (tries.again(answer, stop)) return false;
  throw failed(answer, "pull layer", name_of(what.digest.text()));
}

void client::get_blob(const oci::descriptor& what, const std::function<void(std::span<const std::byte>)>& sink,
                      const std::stop_token& stop) {
  const auto subject = state_->name_of(what.digest.text());
  std::uint64_t done = 0, skip = 0;
  backoff tries{state_->access->options.retry};
  body_sink to;
  to.head = [&](const http_response& head) {
    skip = 0;
    if (head.status == 206) {
      if (done == 0 || range_start(head) != done)
        throw error{errc::protocol, "pull layer", subject, "the registry sent another range than was asked for"};
    } else {
      skip = done;  // it does not know ranges: everything again, and what we have is passed over
    }
  };
  to.piece = [&](std::span<const std::byte> piece) {
    const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(skip, piece.size()));
    skip -= known;
    piece = piece.subspan(known);
    if (piece.empty()) return;
    if (piece.size() > what.size - done)
      throw error{errc::digest_mismatch, "pull layer", subject,
                  text::cat("more than the ", what.size, " bytes announced")};
    sink(piece);
    done += piece.size();
    tries.reset();
  };
  for (unsigned attempt = 0; !state_->blob_attempt(what, done, to, tries, stop); ++attempt)
    if (attempt == max_resumptions)
      throw error{errc::registry_unreachable, "pull layer", subject, "the connection broke off too many times"};
}

}  // namespace contain::registry

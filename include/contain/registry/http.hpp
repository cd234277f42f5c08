// HTTP as values: a request, a response, and a client that follows redirects without giving away credentials.
// libcurl is hidden in src/registry and opened on first use, so that a command that needs no registry starts fast.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contain/registry/url.hpp"

namespace contain::registry {

enum class tls_verification : std::uint8_t { full, none };

struct http_options {
  std::filesystem::path ca_file;  ///< PEM trust anchors in addition to the system's
  tls_verification verify = tls_verification::full;
  /// "http://host:port"; empty = direct. The environment is not read. Never used for loopback.
  std::string proxy;
  std::chrono::milliseconds connect_timeout{10'000};    ///< name, TCP and TLS together
  std::chrono::milliseconds stall_timeout{30'000};      ///< longest silence of the other side
  std::chrono::milliseconds document_timeout{120'000};  ///< for a whole answer that is kept in memory
  std::string user_agent = "contain";
};

using http_headers = std::vector<std::pair<std::string, std::string>>;

struct http_request {
  enum class verb : std::uint8_t { get, head, post };
  verb method = verb::get;
  url address;
  /// Sent to every host of a redirect chain.
  http_headers headers;
  /// Value of the Authorization header. Only for the origin of `address`: dropped at the first redirect elsewhere, and
  /// not taken up again (CVE-2020-15157).
  std::string authorization;
  std::string body;  ///< of a POST, which is never redirected
};

/// The other side could not be reached, or the answer broke off. An answer with a bad status is no failure.
/// `protocol`: it speaks neither TLS nor HTTP. `redirect`: it leads where we do not go.
struct http_failure {
  enum class kind : std::uint8_t { resolve, connect, tls_trust, protocol, cut, stalled, too_long, redirect };
  kind what = kind::connect;
  std::string detail;
  /// Whether the same request may well succeed a moment later.
  [[nodiscard]] bool transient() const noexcept { return what == kind::cut || what == kind::stalled; }
};

struct http_response {
  int status = 0;        ///< 0 when no answer came
  url address;           ///< after redirects
  http_headers headers;  ///< names in lower case
  std::string body;      ///< unless a body sink took it
  std::optional<http_failure> failure;

  /// The first header of that (lower-case) name.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
};

/// What happens to the body of a 2xx answer. Exceptions end the transfer and reach the caller of send().
struct body_sink {
  /// Called once, before the first byte, with status and headers. May be empty.
  std::function<void(const http_response&)> head;
  std::function<void(std::span<const std::byte>)> piece;
};

/// Keeps its connections open between requests. One thread at a time; make one per thread. Plain HTTP reaches loopback
/// only. Throws error{unsupported} when there is no libcurl, error{interrupted} within 100 ms of a stop request.
class http_client {
 public:
  explicit http_client(http_options options);
  http_client(http_client&&) noexcept;
  http_client& operator=(http_client&&) noexcept;
  ~http_client();

  /// The body, at most `max_body_bytes`, is in the response; longer is failure too_long.
  http_response send(const http_request& request, std::size_t max_body_bytes, const std::stop_token& stop = {});
  /// The body of a 2xx answer goes to `sink`, that of any other answer to the response (its first 64 KiB).
  http_response send(const http_request& request, const body_sink& sink, const std::stop_token& stop = {});

  [[nodiscard]] const http_options& options() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace contain::registry

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/registry/http.hpp"
#include "registry/curl_library.hpp"
#include "registry/signal_shield.hpp"
#include "registry/small_file.hpp"

namespace contain::registry {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t max_header_bytes = std::size_t{64} << 10U;
constexpr std::size_t max_error_body = std::size_t{64} << 10U;
constexpr std::size_t max_anchors = std::size_t{8} << 20U;
constexpr unsigned max_redirects = 8;
constexpr long receive_buffer = 256L << 10U;

std::string_view verb_name(http_request::verb verb) noexcept {
  switch (verb) {
    case http_request::verb::head:
      return "HEAD";
    case http_request::verb::post:
      return "POST";
    default:
      return "GET";
  }
}

/// One request and its answer while libcurl works on it.
struct exchange {
  const curl_library* lib = nullptr;
  CURL* easy = nullptr;
  http_response* response = nullptr;
  const body_sink* sink = nullptr;  ///< null: the body is kept
  std::size_t max_body = 0;
  std::size_t header_bytes = 0;
  bool head_given = false;
  bool too_long = false;
  clock::time_point last_sign{clock::now()};
  std::exception_ptr thrown;  ///< by the sink; must not pass through libcurl's C frames
  std::array<char, CURL_ERROR_SIZE> words{};

  [[nodiscard]] bool to_sink() const noexcept {
    return sink != nullptr && response->status >= 200 && response->status < 300;
  }
  void give_head() {
    if (head_given) return;
    head_given = true;
    if (to_sink() && sink->head) sink->head(*response);
  }
  void take_header(std::string_view line);
  void take_body(std::span<const std::byte> piece);
};

void exchange::take_header(std::string_view line) {
  header_bytes += line.size();
  too_long = too_long || header_bytes > max_header_bytes;
  line = text::trim(line);
  if (line.starts_with("HTTP/")) {  // also after a 1xx: only the last head counts
    response->headers.clear();
    long status = 0;
    (void)lib->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    response->status = static_cast<int>(status);
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return;
  std::string name{line.substr(0, colon)};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  response->headers.emplace_back(std::move(name), text::trim(line.substr(colon + 1)));
}

void exchange::take_body(std::span<const std::byte> piece) {
  if (to_sink()) {
    give_head();
    sink->piece(piece);
    return;
  }
  const auto room = max_body - std::min(max_body, response->body.size());
  const auto taken = std::min(room, piece.size());
  response->body.append(reinterpret_cast<const char*>(piece.data()), taken);
  // What explains a bad status may be cut; a document may not.
  too_long = too_long || (taken < piece.size() && sink == nullptr && response->status < 300);
}

template <class F>
std::size_t guarded(exchange& x, std::size_t size, F&& take) noexcept {
  try {
    take();
  } catch (...) {
    x.thrown = std::current_exception();
    return 0;
  }
  x.last_sign = clock::now();  // after the sink: time it takes is not the registry's
  return x.too_long ? 0 : size;
}

extern "C" std::size_t contain_http_on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& x = *static_cast<exchange*>(user);
  return guarded(x, size * count, [&] { x.take_header({data, size * count}); });
}

extern "C" std::size_t contain_http_on_body(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& x = *static_cast<exchange*>(user);
  return guarded(x, size * count, [&] { x.take_body(std::as_bytes(std::span{data, size * count})); });
}

/// libcurl's own sockets would leak into programs that another thread of the host executes.
extern "C" curl_socket_t contain_http_open_socket(void*, curlsocktype, curl_sockaddr* address) noexcept {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

http_failure explain(CURLcode code, const exchange& x, bool connected) {
  using enum http_failure::kind;
  std::string words{x.words.data()};
  if (words.empty()) words = x.lib->easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {resolve, "the name has no address (" + words + ')'};
    case CURLE_COULDNT_CONNECT: {
      long number = 0;
      (void)x.lib->easy_getinfo(x.easy, CURLINFO_OS_ERRNO, &number);
      const char* reason = number == 0 ? nullptr : ::strerrordesc_np(static_cast<int>(number));
      return {connect, reason != nullptr ? reason : words};
    }
    case CURLE_OPERATION_TIMEDOUT:
      return connected ? http_failure{stalled, words} : http_failure{connect, "no connection in time (" + words + ')'};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return {tls_trust, words};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return {protocol, words};
    default:
      return {cut, words};
  }
}

}  // namespace

std::optional<std::string_view> http_response::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return std::nullopt;
}

struct http_client::state {
  explicit state(http_options given) : options(std::move(given)), lib(&curl_library::get()) {
    easy = lib->easy_init();
    multi = lib->multi_init();
    if (easy == nullptr || multi == nullptr) {
      close();
      throw error{errc::exhausted, "start HTTP client"};
    }
    try {
      read_anchors();
    } catch (...) {
      close();
      throw;
    }
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { close(); }

  void close() noexcept {
    const signal_shield shield;  // TLS says goodbye here
    if (easy != nullptr) lib->easy_cleanup(easy);
    if (multi != nullptr) (void)lib->multi_cleanup(multi);
  }
  void read_anchors();
  void prepare(const http_request& request, curl_slist* headers, exchange& x);
  http_response one_hop(const http_request& request, const body_sink* sink, std::size_t max_body,
                        const std::stop_token& stop);
  http_response follow(http_request request, const body_sink* sink, std::size_t max_body, const std::stop_token& stop);
  void run(exchange& x, const http_request& request, const std::stop_token& stop);

  template <class T>
  void set(CURLoption option, T value) {
    const auto code = lib->easy_setopt(easy, option, value);
    if (code != CURLE_OK)
      throw error{errc::unsupported, "set libcurl option", std::to_string(option), lib->easy_strerror(code)};
  }

  http_options options;
  const curl_library* lib;
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  std::string anchors;  ///< PEM; empty = libcurl's own default
};

void http_client::state::read_anchors() {
  if (options.ca_file.empty()) return;
  anchors = read_small_file(options.ca_file, max_anchors);
  if (anchors.find("-----BEGIN") == std::string::npos)
    throw error{errc::invalid, "read CA file", options.ca_file.string(), "there is no PEM certificate in it"};
#if LIBCURL_VERSION_NUM >= 0x075400
  // The given file replaces the default bundle, not the default directory; where there is only a bundle it is added.
  const char* directory = nullptr;
  const char* bundle = nullptr;
  (void)lib->easy_getinfo(easy, CURLINFO_CAPATH, &directory);
  (void)lib->easy_getinfo(easy, CURLINFO_CAINFO, &bundle);
  std::error_code ignored;
  const bool has_directory = directory != nullptr && std::filesystem::is_directory(directory, ignored);
  if (!has_directory && bundle != nullptr) anchors += '\n' + read_small_file(bundle, max_anchors);
#endif
}

void http_client::state::prepare(const http_request& request, curl_slist* headers, exchange& x) {
  lib->easy_reset(easy);
  const auto address = request.address.text();  // copied by libcurl
  set(CURLOPT_URL, address.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  set(CURLOPT_PROXY, request.address.is_loopback() ? "" : options.proxy.c_str());  // "" also hides the environment's
  set(CURLOPT_BUFFERSIZE, receive_buffer);
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_ERRORBUFFER, x.words.data());
  set(CURLOPT_OPENSOCKETFUNCTION, &contain_http_open_socket);
  set(CURLOPT_HEADERFUNCTION, &contain_http_on_header);
  set(CURLOPT_HEADERDATA, &x);
  set(CURLOPT_WRITEFUNCTION, &contain_http_on_body);
  set(CURLOPT_WRITEDATA, &x);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const bool verify = options.verify == tls_verification::full;
  set(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (!anchors.empty()) {
    curl_blob blob{anchors.data(), anchors.size(), CURL_BLOB_NOCOPY};
    set(CURLOPT_CAINFO_BLOB, &blob);
  }
  if (request.method == http_request::verb::head) set(CURLOPT_NOBODY, 1L);
  if (request.method == http_request::verb::post) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());  // not copied: lives in the caller's request
  }
}

void http_client::state::run(exchange& x, const http_request& request, const std::stop_token& stop) {
  const auto interrupted = [&] {
    return error{errc::interrupted, std::string{verb_name(request.method)}, request.address.text()};
  };
  if (stop.stop_requested()) throw interrupted();
  const std::stop_callback wake{stop, [this] { (void)lib->multi_wakeup(multi); }};
  const auto check = [this](CURLMcode code) {
    if (code != CURLM_OK) throw error{errc::kernel, "libcurl", "", lib->multi_strerror(code)};
  };
  check(lib->multi_add_handle(multi, easy));
  struct removal {
    state* s;
    ~removal() {
      const signal_shield shield;
      (void)s->lib->multi_remove_handle(s->multi, s->easy);
    }
  } const removal_at_end{this};

  const auto begun = clock::now();
  for (;;) {
    int running = 0;
    {
      const signal_shield shield;
      check(lib->multi_perform(multi, &running));
    }
    if (running == 0) break;
    if (stop.stop_requested()) throw interrupted();
    const auto moment = clock::now();
    if (moment - x.last_sign > options.stall_timeout ||
        (x.sink == nullptr && moment - begun > options.document_timeout)) {
      x.response->failure = {http_failure::kind::stalled,
                             text::cat("no answer for ", options.stall_timeout.count() / 1000, " s")};
      return;
    }
    check(lib->multi_poll(multi, nullptr, 0, 500, nullptr));
  }
  int left = 0;
  const CURLMsg* message = lib->multi_info_read(multi, &left);
  if (x.thrown) std::rethrow_exception(x.thrown);
  const CURLcode code = message != nullptr && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
  if (code == CURLE_OK) {
    x.give_head();
    return;
  }
  if (x.too_long) {
    x.response->failure = {http_failure::kind::too_long, "the answer is longer than it may be"};
    return;
  }
  double connected = 0;
  (void)lib->easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME, &connected);
  x.response->failure = explain(code, x, connected > 0);
}

http_response http_client::state::one_hop(const http_request& request, const body_sink* sink, std::size_t max_body,
                                          const std::stop_token& stop) {
  struct list {
    const curl_library* lib;
    curl_slist* head = nullptr;
    ~list() { lib->slist_free_all(head); }
    void add(const std::string& line) {
      auto* longer = lib->slist_append(head, line.c_str());
      if (longer == nullptr) throw error{errc::exhausted, "make request header"};
      head = longer;
    }
  } lines{lib};
  for (const auto& [name, value] : request.headers) lines.add(name + ": " + value);
  if (!request.authorization.empty()) lines.add("Authorization: " + request.authorization);
  lines.add("Expect:");

  http_response response;
  response.address = request.address;
  exchange x;
  x.lib = lib;
  x.easy = easy;
  x.response = &response;
  x.sink = sink;
  x.max_body = max_body;
  prepare(request, lines.head, x);
  run(x, request, stop);
  return response;
}

http_response http_client::state::follow(http_request request, const body_sink* sink, std::size_t max_body,
                                         const std::stop_token& stop) {
  for (unsigned hop = 0;; ++hop) {
    if (request.address.scheme == "http" && !request.address.is_loopback())
      throw error{errc::registry_unreachable, std::string{verb_name(request.method)}, request.address.text(),
                  "plain HTTP is for loopback only"}
          .with_hint("let the registry speak TLS; a certificate of your own is trusted with a CA file");
    auto response = one_hop(request, sink, max_body, stop);
    const bool moved = response.status == 301 || response.status == 302 || response.status == 303 ||
                       response.status == 307 || response.status == 308;
    if (response.failure || !moved || request.method == http_request::verb::post) return response;
    const auto location = response.header("location");
    const auto refuse = [&](std::string why) {
      response.failure = {http_failure::kind::redirect, std::move(why)};
      return std::move(response);
    };
    if (!location) return refuse("a redirect without an address");
    auto next = request.address.resolve(*location);
    if (!next) return refuse("a redirect to an address that is no http or https URL");
    if (hop == max_redirects) return refuse("too many redirects");
    if (request.address.scheme == "https" && next->scheme == "http") return refuse("a redirect from https to http");
    if (next->scheme == "http" && !next->is_loopback()) return refuse("a redirect to plain HTTP on " + next->host);
    if (next->origin() != request.address.origin()) request.authorization.clear();
    request.address = *std::move(next);
  }
}

http_client::http_client(http_options options) : state_(std::make_unique<state>(std::move(options))) {}
http_client::http_client(http_client&&) noexcept = default;
http_client& http_client::operator=(http_client&&) noexcept = default;
http_client::~http_client() = default;

http_response http_client::send(const http_request& request, std::size_t max_body_bytes, const std::stop_token& stop) {
  return state_->follow(request, nullptr, max_body_bytes, stop);
}

http_response http_client::send(const http_request& request, const body_sink& sink, const std::stop_token& stop) {
  return state_->follow(request, &sink, max_error_body, stop);
}

const http_options& http_client::options() const noexcept { return state_->options; }

}  // namespace contain::registry

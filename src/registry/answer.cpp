#include "registry/answer.hpp"

#include "contain/core/text.hpp"
#include "oci/json_reader.hpp"

namespace contain::registry {
namespace {

constexpr std::size_t longest_words = 300;

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 416:
      return "Range Not Satisfiable";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

std::string host_and_port(const url& address) {
  const auto text = address.text();  // without the port when it is the usual one
  const auto begin = text.find("//") + 2;
  return text.substr(begin, text.find('/', begin) - begin);
}

std::string hint_for(http_failure::kind kind, const url& address) {
  using enum http_failure::kind;
  switch (kind) {
    case resolve:
      return "check the spelling of " + address.host + " and that this host can resolve names";
    case connect:
      return "check that a registry listens there: curl -i " + address.origin() + "/v2/";
    case tls_trust:
      return "trust the CA that signed its certificate with --ca-file FILE";
    case protocol:
      return "check that it speaks TLS; plain HTTP is for loopback only";
    default:
      return {};
  }
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::string out{text.substr(0, limit)};
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  if (text.size() > limit) out += "…";
  return out;
}

std::string complaint(std::string_view body) {
  try {
    const oci::detail::document doc{body, "error of a registry", std::size_t{64} << 10U};
    const auto root = doc.root();
    // Token services answer {"details": …} or {"error": …}; registries a list.
    for (const auto* key : {"details", "error_description", "error"})
      if (root.has_key(key)) return printable(root.string_or_empty(key), longest_words);
    const auto errors = root.at("errors").items(64);
    if (errors.empty()) return {};
    auto code = printable(errors.front().string_or_empty("code"), 64);
    const auto message = printable(errors.front().string_or_empty("message"), longest_words);
    if (!message.empty()) code += (code.empty() ? "" : ": ") + message;
    return code;
  } catch (const error&) {  // an HTML page of some proxy: the status has to do
    return {};
  }
}

error unreachable(const http_failure& failure, const url& address, std::string operation, std::string subject) {
  const bool misdirected = failure.what == http_failure::kind::redirect || failure.what == http_failure::kind::too_long;
  const auto code = failure.what == http_failure::kind::stalled ? errc::timeout
                    : misdirected                               ? errc::protocol
                                                                : errc::registry_unreachable;
  const auto host = host_and_port(address);
  auto detail = printable(failure.detail, longest_words);
  if (subject.find(host) == std::string::npos) detail = text::cat("registry ", host, ": ", detail);
  error e{code, std::move(operation), std::move(subject), std::move(detail)};
  if (auto hint = hint_for(failure.what, address); !hint.empty()) e.with_hint(std::move(hint));
  return e;
}

error refused(const http_response& answer, std::string operation, std::string subject) {
  const auto host = host_and_port(answer.address);
  auto words = text::cat("registry ", host, " answered ", answer.status);
  if (const auto said = complaint(answer.body); !said.empty())
    words += ' ' + said;
  else if (const auto phrase = reason_phrase(answer.status); !phrase.empty())
    words += ' ' + std::string{phrase};
  const int status = answer.status;
  const auto code = status == 401 || status == 403       ? errc::auth
                    : status == 404                      ? errc::image_not_found
                    : status == 429 || status / 100 == 5 ? errc::registry_unreachable
                                                         : errc::protocol;
  error e{code, std::move(operation), std::move(subject), std::move(words)};
  if (code == errc::image_not_found) e.with_hint("check the name and the tag; a private image needs credentials");
  if (status == 429) {
    const auto after = answer.header("retry-after");
    e.with_hint("wait" + (after ? " " + printable(*after, 40) + " s" : std::string{}) +
                ", or log in: registries give more requests to users they know");
  } else if (status / 100 == 5) {
    e.with_hint("the registry has a problem of its own; try again later");
  }
  return e;
}

}  // namespace contain::registry

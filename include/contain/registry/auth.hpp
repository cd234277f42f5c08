// Who we are to a registry: challenges (RFC 7235), Basic (RFC 7617), docker's token flow, and the files that docker and
// containers/image keep credentials in.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "contain/registry/http.hpp"

namespace contain::registry {

struct credentials {
  std::string username, password;
  std::string identity_token;  ///< an OAuth2 refresh token; used instead of the password

  friend bool operator==(const credentials&, const credentials&) = default;
};

/// One challenge of a WWW-Authenticate header.
struct challenge {
  std::string scheme;                             ///< lower case: "basic", "bearer"
  std::map<std::string, std::string> parameters;  ///< names in lower case

  friend bool operator==(const challenge&, const challenge&) = default;
};

/// All challenges of one or more header values; what cannot be read is left out.
std::vector<challenge> parse_challenges(std::string_view header);

/// "Basic …".
std::string basic_authorization(std::string_view username, std::string_view password);
/// Standard alphabet, padded. RFC 4648 §4.
std::string base64_encode(std::string_view bytes);
/// Nothing for anything but that; the padding may be missing.
std::optional<std::string> base64_decode(std::string_view text);

/// What a docker config.json or a containers auth.json says for this registry: the entry of the longest matching
/// "host/path" key, else of the host ("https://host/v1/" counts as "host"). docker.io is also index.docker.io.
/// Throws error{corrupt} for a document that is none.
std::optional<credentials> find_credentials(std::string_view auth_json, std::string_view domain,
                                            std::string_view repository);
/// The same from a file. Throws error{invalid} when it cannot be read.
std::optional<credentials> read_credentials(const std::filesystem::path& auth_file, std::string_view domain,
                                            std::string_view repository);

/// Answers the challenges of one registry for one repository and keeps the token while it is valid. Thread safe, so
/// that parallel transfers share one token. Credentials go to the registry itself and to the token service it names,
/// over TLS (loopback excepted).
class authorizer {
 public:
  authorizer(std::optional<credentials> who, std::string scope);
  ~authorizer();
  authorizer(const authorizer&) = delete;
  authorizer& operator=(const authorizer&) = delete;

  /// For the next request; empty when nothing is known to be needed.
  [[nodiscard]] std::string authorization() const;
  /// After a 401: a new value for the Authorization header, fetched with `http` when it is a token. `refused` is the
  /// value that was sent, so that threads that fail together fetch once. Nothing when no challenge can be answered.
  /// Throws error{auth} when the token service refuses, error{registry_unreachable, protocol} as it does otherwise.
  std::optional<std::string> answer(const http_response& unauthorized, const std::string& refused, http_client& http,
                                    const std::stop_token& stop);
  [[nodiscard]] bool has_credentials() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace contain::registry

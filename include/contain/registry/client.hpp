// A client of one repository in a registry. Distribution-spec v1.1.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "contain/oci/descriptor.hpp"
#include "contain/oci/reference.hpp"
#include "contain/registry/auth.hpp"
#include "contain/registry/http.hpp"

namespace contain::registry {

struct retry_policy {
  unsigned attempts = 5;  ///< per piece of progress: a transfer that moves on starts counting again
  std::chrono::milliseconds first_delay{200}, longest_delay{5'000};  ///< doubled each time, with full jitter
  std::chrono::seconds longest_retry_after{60};                      ///< a registry that asks for more is an error
};

struct client_options {
  http_options http;
  std::optional<credentials> auth;
  retry_policy retry;
};

/// A manifest or index as it was received; `digest` is computed from the bytes.
struct fetched_manifest {
  std::string media_type;
  oci::digest digest;
  std::string bytes;
};

/// One thread at a time; sibling() gives another thread one that shares the authorization. Errors name the registry,
/// the reference, the HTTP status and the registry's own code.
class client {
 public:
  /// Connects to nothing yet. `where` names registry and repository; its tag and digest are not used.
  client(oci::reference where, client_options options);
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();
  [[nodiscard]] client sibling() const;

  /// Whether it is a registry of API v2, reached and willing. Throws error{registry_unreachable, auth, protocol}.
  void ping(const std::stop_token& stop = {});
  /// `key` is a tag or a digest. At most 4 MiB. Bytes that do not have the digest asked for, or the one the registry
  /// announced, are error{digest_mismatch}; schema 1 is error{protocol}; 404 is error{image_not_found}.
  fetched_manifest get_manifest(std::string_view key, const std::stop_token& stop = {});
  /// Type, digest and size without the document; nothing when there is none.
  std::optional<oci::descriptor> head_manifest(std::string_view key, const std::stop_token& stop = {});
  /// A small document, verified. Throws error{corrupt} when it is said to be longer than `max_bytes`.
  std::string get_document(const oci::descriptor& what, std::size_t max_bytes, const std::stop_token& stop = {});
  /// The bytes in order, `what.size` of them; resumed where a connection broke off (Range). The digest is the sink's to
  /// verify.
  void get_blob(const oci::descriptor& what, const std::function<void(std::span<const std::byte>)>& sink,
                const std::stop_token& stop = {});

  struct state;
  explicit client(std::unique_ptr<state> s) noexcept;

 private:
  std::unique_ptr<state> state_;
};

}  // namespace contain::registry

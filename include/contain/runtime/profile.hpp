// The four isolation profiles as data, and the ledger in which a container's rows are written as they are decided.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contain/isolation.hpp"
#include "contain/sys/caps.hpp"

namespace contain::runtime {

/// Which system calls a profile lets through; see seccomp_profile.hpp.
enum class seccomp_choice : unsigned char { standard, docker, unconfined };

/// What a profile asks for before any opt-out.
struct profile_data {
  std::string_view name;  ///< "default"
  sys::cap_mask caps = 0;
  seccomp_choice seccomp = seccomp_choice::standard;
  bool user_namespace = true;
  bool no_new_privileges = true;
  bool landlock = true;
  bool limits = true;           ///< pids, memory, rlimits and the OOM score unless the caller says otherwise
  bool private_cgroups = true;  ///< cgroup namespace on v1, too
  bool read_only_root = false;  ///< and tmpfs on /run, /tmp and /var/tmp
  bool all_devices = false;
  std::span<const std::string_view> masked, readonly;  ///< absolute, beneath /proc or /sys
};
const profile_data& data_of(isolation_profile profile) noexcept;

/// Whether a row keeps the container in, or makes a container that is in safer.
enum class row_kind : unsigned char {
  containing,  ///< missing = the container does not start, unless on_missing names the row
  hardening,   ///< missing = weakened and a warning; refused with `strict`
};

struct row_rule {
  std::string_view name;
  row_kind kind;
};
/// Every row, in the order in which inspect lists them.
std::span<const row_rule> isolation_rules() noexcept;

/// Rows of one container. A row is written once; the last write wins.
class isolation_ledger {
 public:
  /// Throws error{invalid} if `on_missing` has a name that is no row.
  explicit isolation_ledger(const security_options& security);

  void got(std::string_view row, std::string detail);
  void opted_out(std::string_view row, std::string detail);
  /// The host cannot give it. Throws error{isolation_missing} where the rule of the row says so.
  void missing(std::string_view row, const std::string& reason);

  [[nodiscard]] std::vector<isolation_row> take() &&;

 private:
  void put(std::string_view row, isolation_row::grade grade, std::string detail);
  bool strict_;
  std::vector<std::string> on_missing_;
  std::vector<isolation_row> rows_;
};

/// Marks `row` weakened after the fact: what only a launch could find out. Throws error{isolation_missing} as the
/// ledger does, so a caller ends the container then.
void weaken(std::vector<isolation_row>& rows, std::string_view row, const std::string& reason,
            const security_options& security);

}  // namespace contain::runtime

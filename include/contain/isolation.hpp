// The isolation profile as a value: which rows are wanted, and what a container really got.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace contain {

enum class isolation_profile : unsigned char {
  standard,    ///< "default": stricter than docker on every row
  sealed,      ///< default, and a read-only root with tmpfs on /run /tmp /var/tmp
  docker,      ///< as docker does it: host user namespace, 14 capabilities, its system calls
  privileged,  ///< nothing but namespaces
};

/// Named opt-outs. Every one is shown by inspect.
struct security_options {
  isolation_profile profile = isolation_profile::standard;
  std::vector<std::string> caps_add, caps_drop;  ///< "NET_RAW" or "CAP_NET_RAW" or "ALL"
  bool no_new_privileges = true;
  std::string seccomp;  ///< "" = the profile's; "unconfined"; else the path of a profile in docker's JSON
  bool host_userns = false;
  bool host_cgroupns = false;
  bool host_timens = false;
  bool landlock = true;
  bool abi32 = false;                   ///< allow i386 and x32 system calls
  std::vector<std::string> unmask;      ///< paths of the mask list, or "ALL"
  std::vector<std::string> on_missing;  ///< rows that may be missing: the container starts without them
  bool strict = false;                  ///< hardening rows that are missing refuse the start too
};

/// One row of security.md §1.1 as a container has it.
struct isolation_row {
  enum class grade : unsigned char { got, weakened, opted_out };
  std::string name;  ///< "user_namespace", "capabilities", "seccomp", "landlock", "masked_paths"…
  grade result = grade::got;
  std::string detail;  ///< "65536 ids from 1000000", "9 capabilities: chown …"
};
std::string_view to_string(isolation_row::grade grade) noexcept;

}  // namespace contain

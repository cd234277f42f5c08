// Kernel interface that Debian 12's headers (6.1) lack and this library uses when the running kernel has it.
#pragma once
#include <cstdint>

namespace contain::sys {

// landlock(7). ABI 5 = Linux 6.10, ABI 6 = Linux 6.12.
struct landlock_ruleset {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;  ///< ABI 4
  std::uint64_t scoped = 0;              ///< ABI 6
};
struct [[gnu::packed]] landlock_path_rule {
  std::uint64_t allowed_access = 0;
  std::int32_t parent_fd = -1;
};
inline constexpr int landlock_rule_path_beneath = 1;
inline constexpr std::uint64_t landlock_make_char = 1ULL << 6U;
inline constexpr std::uint64_t landlock_make_block = 1ULL << 11U;
inline constexpr std::uint64_t landlock_ioctl_dev = 1ULL << 15U;
inline constexpr std::uint64_t landlock_scope_abstract_unix_socket = 1ULL << 0U;

// memfd_create(2), Linux 6.3: without it a kernel with vm.memfd_noexec warns or refuses.
inline constexpr unsigned memfd_exec = 0x0010U;

}  // namespace contain::sys

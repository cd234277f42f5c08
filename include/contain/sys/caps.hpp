// Capability sets as one 64-bit mask each, and the names of the single capabilities. capabilities(7).
#pragma once
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "contain/sys/result.hpp"

namespace contain::sys {

/// Bit n = capability n, as in /proc/PID/status.
using cap_mask = std::uint64_t;

/// Names without "CAP_", in the kernel's order; Linux 5.9 added the last one.
inline constexpr std::array<std::string_view, 41> cap_names = {"CHOWN",
                                                               "DAC_OVERRIDE",
                                                               "DAC_READ_SEARCH",
                                                               "FOWNER",
                                                               "FSETID",
                                                               "KILL",
                                                               "SETGID",
                                                               "SETUID",
                                                               "SETPCAP",
                                                               "LINUX_IMMUTABLE",
                                                               "NET_BIND_SERVICE",
                                                               "NET_BROADCAST",
                                                               "NET_ADMIN",
                                                               "NET_RAW",
                                                               "IPC_LOCK",
                                                               "IPC_OWNER",
                                                               "SYS_MODULE",
                                                               "SYS_RAWIO",
                                                               "SYS_CHROOT",
                                                               "SYS_PTRACE",
                                                               "SYS_PACCT",
                                                               "SYS_ADMIN",
                                                               "SYS_BOOT",
                                                               "SYS_NICE",
                                                               "SYS_RESOURCE",
                                                               "SYS_TIME",
                                                               "SYS_TTY_CONFIG",
                                                               "MKNOD",
                                                               "LEASE",
                                                               "AUDIT_WRITE",
                                                               "AUDIT_CONTROL",
                                                               "SETFCAP",
                                                               "MAC_OVERRIDE",
                                                               "MAC_ADMIN",
                                                               "SYSLOG",
                                                               "WAKE_ALARM",
                                                               "BLOCK_SUSPEND",
                                                               "AUDIT_READ",
                                                               "PERFMON",
                                                               "BPF",
                                                               "CHECKPOINT_RESTORE"};

inline constexpr cap_mask all_caps = (cap_mask{1} << cap_names.size()) - 1;

constexpr cap_mask cap_bit(unsigned capability) noexcept { return cap_mask{1} << capability; }

/// "NET_RAW", "CAP_NET_RAW" and "net_raw" are 13; nothing for a name no kernel knows.
constexpr std::optional<unsigned> parse_cap(std::string_view name) noexcept {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  const auto same = [upper](std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (upper(a[i]) != b[i]) return false;
    return true;
  };
  if (name.size() > 4 && same(name.substr(0, 4), "CAP_")) name.remove_prefix(4);
  for (unsigned i = 0; i < cap_names.size(); ++i)
    if (same(name, cap_names[i])) return i;
  return std::nullopt;
}

/// The calling thread's effective set (capget(2), version 3).
inline result<cap_mask> effective_caps() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return result<cap_mask>::failed(errno);
  return cap_mask{data[0].effective} | cap_mask{data[1].effective} << 32U;
}

/// The calling thread's bounding set. Capabilities newer than the kernel are absent from it.
inline cap_mask bounding_caps() noexcept {
  cap_mask set = 0;
  for (unsigned i = 0; i < cap_names.size(); ++i)
    if (::prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) set |= cap_bit(i);
  return set;
}

}  // namespace contain::sys

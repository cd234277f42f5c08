// Which kernel interfaces this process can use, found by calling each with arguments that can do nothing.
#pragma once
#include <cstdint>

namespace contain::sys {

enum class presence : std::uint8_t {
  present,
  absent,   ///< ENOSYS: the kernel is older
  blocked,  ///< EPERM where the kernel would say something else: an outer sandbox's filter, or a missing privilege
};

/// Cheap (some twenty system calls) and without effect.
struct kernel_probe {
  unsigned major = 0, minor = 0;  ///< of the release, 0 if it cannot be read

  presence clone3 = presence::absent;          ///< Linux 5.3
  presence pidfd_open = presence::absent;      ///< 5.3
  presence openat2 = presence::absent;         ///< 5.6
  presence close_range = presence::absent;     ///< 5.9
  presence mount_setattr = presence::absent;   ///< 5.12, with it idmapped mounts
  presence fsopen = presence::absent;          ///< 5.2; blocked without CAP_SYS_ADMIN
  presence overlay = presence::absent;         ///< a new instance could be configured
  presence overlay_append = presence::absent;  ///< 6.5: layers one by one, so that no length limits them
  presence statmount = presence::absent;       ///< 6.8
  presence memfd_exec = presence::absent;      ///< 6.3: MFD_EXEC; before, every memfd is executable
};
kernel_probe probe_kernel() noexcept;

/// The newest Landlock ABI of the kernel; 0 = absent or switched off.
unsigned landlock_abi() noexcept;
/// System call filters that can end a process.
bool has_seccomp_filters() noexcept;

}  // namespace contain::sys

#include "contain/sys/probe.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "contain/sys/fd.hpp"
#include "contain/sys/uapi.hpp"

namespace contain::sys {
namespace {

/// What an errno says of the call itself, given that its arguments were meant to fail otherwise.
presence judge(long returned) noexcept {
  if (returned >= 0) return presence::present;
  if (errno == ENOSYS) return presence::absent;
  return errno == EPERM || errno == EACCES ? presence::blocked : presence::present;
}

template <class... Args>
presence call(long number, Args... args) noexcept {
  return judge(::syscall(number, args...));
}

void read_release(kernel_probe& probe) noexcept {
  utsname names{};
  if (::uname(&names) != 0) return;
  char* rest = nullptr;
  probe.major = static_cast<unsigned>(std::strtoul(names.release, &rest, 10));
  if (*rest == '.') probe.minor = static_cast<unsigned>(std::strtoul(rest + 1, nullptr, 10));
}

void probe_overlay(kernel_probe& probe) noexcept {
  const unique_fd context{static_cast<int>(::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC))};
  probe.fsopen = context ? presence::present : judge(-1);
  if (!context) {
    // ENODEV: the interface is there and the file system is not.
    probe.overlay = probe.fsopen == presence::present && errno == ENODEV ? presence::absent : probe.fsopen;
    probe.overlay_append = probe.overlay;
    return;
  }
  probe.overlay = presence::present;
  const auto appended = ::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, "lowerdir+", "/", 0);
  probe.overlay_append = appended == 0 ? presence::present : presence::absent;
}

}  // namespace

kernel_probe probe_kernel() noexcept {
  kernel_probe probe;
  read_release(probe);
  probe.clone3 = call(SYS_clone3, nullptr, 0);
  probe.pidfd_open = call(SYS_pidfd_open, -1, 0);
  probe.openat2 = call(SYS_openat2, -1, "", nullptr, 0);
  // A first above the last descriptor is EINVAL in every kernel that has the call.
  probe.close_range = call(SYS_close_range, 1U, 0U, 0U);
  probe.mount_setattr = call(SYS_mount_setattr, -1, "", 0, nullptr, 0);
  constexpr long statmount_number = 457;  // newer than the headers of the oldest supported system
  probe.statmount = call(statmount_number, nullptr, nullptr, 0, 0);
  probe_overlay(probe);

  const unique_fd memory{::memfd_create("probe", MFD_CLOEXEC | memfd_exec)};
  probe.memfd_exec = memory ? presence::present : presence::absent;
  return probe;
}

unsigned landlock_abi() noexcept {
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<unsigned>(version);
}

bool has_seccomp_filters() noexcept {
  constexpr std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

}  // namespace contain::sys

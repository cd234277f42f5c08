// The last steps before execve: ids, capabilities, no_new_privs, Landlock, seccomp. Order is the point of this file.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "child.hpp"
#include "contain/sys/uapi.hpp"

namespace contain::runtime::sv {
namespace {

long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) noexcept {
  return ::syscall(number, a, b, c, d, e);
}
template <class T>
long address(const T* object) noexcept {
  return reinterpret_cast<long>(object);
}

step drop_bounding(const launch_plan& plan) noexcept {
  for (int cap = 0; cap < 64; ++cap) {
    if ((plan.caps_bounding >> static_cast<unsigned>(cap) & 1U) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the last capability of this kernel
    return step::drop_bounding;
  }
  return step::none;
}

step set_ids(child_context& c) noexcept {
  const launch_plan& plan = *c.plan;
  if (raw(SYS_setgroups, c.group_count, address(c.groups)) != 0) return step::set_groups;
  if (plan.caps_ambient != 0 && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return step::set_ids;
  if (raw(SYS_setresgid, plan.gid, plan.gid, plan.gid) != 0) return step::set_ids;
  if (raw(SYS_setresuid, plan.uid, plan.uid, plan.uid) != 0) return step::set_ids;
  return step::none;
}

/// Root keeps the profile's set; any other user has none but the ambient ones, as docker has it.
step set_capabilities(const launch_plan& plan) noexcept {
  const std::uint64_t permitted = plan.uid == 0 ? plan.caps_effective : plan.caps_ambient;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (unsigned i = 0; i < 2; ++i) {
    data[i].effective = data[i].permitted = static_cast<std::uint32_t>(permitted >> (32 * i));
    // Inheritable only what ambient needs: a full inheritable set was a row of CVEs (CVE-2022-24769 and kin).
    data[i].inheritable = static_cast<std::uint32_t>(plan.caps_ambient >> (32 * i));
  }
  if (raw(SYS_capset, address(&header), address(data)) != 0) return step::set_capabilities;
  for (int cap = 0; cap < 64; ++cap) {
    if ((plan.caps_ambient >> static_cast<unsigned>(cap) & 1U) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) return step::set_capabilities;
  }
  return step::none;
}

/// No device node can be made anywhere, device ioctls work in /dev only, and with the host's network its abstract
/// sockets are out of reach. What a rule grants holds for the whole tree below it, so "everything but /proc/sys" cannot
/// be said here: that is the read-only mounts' part (src/DECISIONS.md, Landlock).
step landlock(child_context& c) noexcept {
  const long abi = raw(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) {
    c.weakened |= weak_landlock;
    return step::none;
  }
  sys::landlock_ruleset ruleset{};
  ruleset.handled_access_fs = sys::landlock_make_char | sys::landlock_make_block;
  if (abi >= 5) ruleset.handled_access_fs |= sys::landlock_ioctl_dev;
  if ((c.plan->flags & plan_landlock_scope) != 0) {
    if (abi >= 6)
      ruleset.scoped = sys::landlock_scope_abstract_unix_socket;
    else
      c.weakened |= weak_landlock_scope;
  }
  const std::size_t size = abi >= 6 ? sizeof ruleset : abi >= 4 ? 16 : 8;
  const int fd = static_cast<int>(raw(SYS_landlock_create_ruleset, address(&ruleset), static_cast<long>(size), 0));
  if (fd < 0) return step::landlock;
  if (abi >= 5) {
    const int dev = ::open("/dev", O_PATH | O_CLOEXEC);
    const sys::landlock_path_rule rule{sys::landlock_ioctl_dev, dev};
    if (dev < 0 || raw(SYS_landlock_add_rule, fd, sys::landlock_rule_path_beneath, address(&rule), 0) != 0)
      return step::landlock;
  }
  if (raw(SYS_landlock_restrict_self, fd, 0) != 0) return step::landlock;
  return step::none;
}

step seccomp(const launch_plan& plan) noexcept {
  if (plan.seccomp.size == 0) return step::none;
  sock_fprog program{};
  program.len = static_cast<unsigned short>(plan.seccomp.size);
  program.filter = reinterpret_cast<sock_filter*>(const_cast<std::uint64_t*>(plan.seccomp.begin()));
  return raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, address(&program)) != 0 ? step::seccomp : step::none;
}

}  // namespace

step confine(child_context& c) noexcept {
  const launch_plan& plan = *c.plan;
  const bool no_new_privileges = (plan.flags & plan_no_new_privileges) != 0;
  const bool with_landlock = (plan.flags & plan_landlock) != 0;
  // Every descriptor closes at execve, whatever leaked into the supervisor (CVE-2024-21626).
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return step::close_descriptors;
  if (step s = drop_bounding(plan); s != step::none) return s;
  if (!no_new_privileges) {
    // Without no_new_privs both need CAP_SYS_ADMIN in this user namespace: now or never (seccomp(2), landlock(7)).
    if (step s = with_landlock ? landlock(c) : step::none; s != step::none) return s;
    if (step s = seccomp(plan); s != step::none) return s;
  }
  if (step s = set_ids(c); s != step::none) return s;
  if (step s = set_capabilities(plan); s != step::none) return s;
  // After the last change of credentials, which clears it (prctl(2)): without its supervisor a container ends.
  if ((plan.flags & plan_detached) == 0) (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (no_new_privileges) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return step::no_new_privileges;
    if (step s = with_landlock ? landlock(c) : step::none; s != step::none) return s;
  }
  if (c.weakened != 0) {
    child_report report{};
    report.weakened = c.weakened;
    (void)send_report(c, report, -1);
  }
  return no_new_privileges ? seccomp(plan) : step::none;
}

}  // namespace contain::runtime::sv

#include "runtime/seccomp_compiler.hpp"

#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/sys/fd.hpp"

namespace contain::runtime {
namespace {

namespace rules = seccomp_rules;

/// Registers hold 64 bits where the kernel reads an int: the upper half is whatever the caller left there.
constexpr std::uint64_t low_half = 0xffffffff;

scmp_arg_cmp equal(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

/// --- the start of a program, made by hand: what libseccomp has no way to say ---
///
/// "Anything but these" on one argument needs several conditions on it in one rule, and number ranges need comparisons.
/// Only numbers and the architecture are read for all calls but ioctl and socketcall, so the kernel's cache of calls
/// that are always allowed (Linux 5.11, seccomp_cache_prepare) still works.
class program_start {
 public:
  enum class to : unsigned char { next, rules, no_call, denied, allowed, newer, control, sockets, segment_end };

  void load(std::size_t offset) { put({BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)}); }
  void jump(std::uint16_t comparison, std::uint32_t k, to when_true, to when_false) {
    lines_.push_back({{static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), 0, 0, k}, when_true, when_false});
  }
  void place(to label) {
    const auto at = lines_.size();
    for (auto& l : lines_) {
      if (l.when_true == label) l.code.jt = distance(l, at), l.when_true = to::next;
      if (l.when_false == label) l.code.jf = distance(l, at), l.when_false = to::next;
    }
  }
  void answer(std::uint32_t value) { put({BPF_RET | BPF_K, 0, 0, value}); }

  [[nodiscard]] std::vector<std::uint64_t> before(std::span<const std::uint64_t> program) const {
    std::vector<std::uint64_t> whole;
    whole.reserve(lines_.size() + program.size());
    for (const auto& l : lines_) whole.push_back(std::bit_cast<std::uint64_t>(l.code));
    whole.insert(whole.end(), program.begin(), program.end());
    return whole;
  }

 private:
  struct line {
    sock_filter code;
    to when_true = to::next, when_false = to::next;
  };
  void put(sock_filter code) { lines_.push_back({code}); }
  [[nodiscard]] std::uint8_t distance(const line& from, std::size_t target) const {
    return static_cast<std::uint8_t>(target - static_cast<std::size_t>(&from - lines_.data()) - 1);
  }
  std::vector<line> lines_;
};
using to = program_start::to;

/// Whether ioctl and socketcall are looked into.
enum class guard : bool { off, on };

constexpr std::size_t number_offset = offsetof(seccomp_data, nr), arch_offset = offsetof(seccomp_data, arch);
/// The half of an argument that an int comes from; both machines are little-endian.
constexpr std::size_t first_argument = offsetof(seccomp_data, args);
constexpr std::size_t second_argument = first_argument + sizeof(std::uint64_t);

void add_segment(program_start& start, const rules::abi& abi, guard guarded) {
  const auto control = guarded == guard::on ? to::control : to::rules;
  start.load(arch_offset);
  start.jump(BPF_JEQ, abi.audit_arch, to::next, to::segment_end);
  start.load(number_offset);
  start.jump(BPF_JEQ, abi.ioctl, control, to::next);
  if (abi.socketcall != 0 && guarded == guard::on) start.jump(BPF_JEQ, abi.socketcall, to::sockets, to::next);
  if (abi.foreign_bit != 0) {
    start.jump(BPF_JEQ, abi.foreign_ioctl, control, to::next);
    start.jump(BPF_JGE, abi.foreign_bit, to::rules, to::next);
  }
  start.jump(BPF_JGE, rules::first_newer, to::newer, to::next);
  if (abi.traced.last != 0) {
    start.jump(BPF_JGE, abi.traced.first, to::next, to::rules);
    start.jump(BPF_JGT, abi.traced.last, to::next, to::allowed);
  } else if (abi.never_used.last != 0) {
    start.jump(BPF_JGE, abi.never_used.first, to::next, to::rules);
  }
  start.jump(BPF_JGT, abi.never_used.last, to::rules, abi.never_used.last == 0 ? to::rules : to::no_call);
  start.place(to::segment_end);
}

void add_newer(program_start& start) {
  start.place(to::newer);
  for (const auto& range : rules::newer) {
    start.jump(BPF_JGE, range.first, to::next, to::no_call);
    start.jump(BPF_JGT, range.last, to::next, to::allowed);
  }
  start.place(to::no_call);
  start.answer(SECCOMP_RET_ERRNO | ENOSYS);
  start.place(to::allowed);
  start.answer(SECCOMP_RET_ALLOW);
}

std::vector<std::uint64_t> with_start(std::span<const std::uint64_t> program, std::span<const rules::abi> abis,
                                      guard guarded) {
  program_start start;
  for (const auto& abi : abis) add_segment(start, abi, guarded);
  // An architecture without a segment falls through to here and is the rules' to end.
  start.jump(BPF_JGE, 0, to::rules, to::rules);
  add_newer(start);
  if (guarded == guard::on) {
    // A container that shares a terminal could type into it (CVE-2017-5226), or paste through the console.
    start.place(to::control);
    start.load(second_argument);
    start.jump(BPF_JEQ, TIOCSTI, to::denied, to::next);
    start.jump(BPF_JEQ, TIOCLINUX, to::denied, to::rules);
    // The family lies in memory, where a filter cannot look: no sockets this way, socket(2) exists since Linux 4.3.
    start.place(to::sockets);
    start.load(first_argument);
    start.jump(BPF_JEQ, SYS_SOCKET, to::denied, to::rules);
    start.place(to::denied);
    start.answer(SECCOMP_RET_ERRNO | EPERM);
  }
  start.place(to::rules);
  return start.before(program);
}

std::uint32_t arch_of(seccomp_machine machine) noexcept {
  return machine == seccomp_machine::x86_64 ? std::uint32_t{SCMP_ARCH_X86_64} : std::uint32_t{SCMP_ARCH_AARCH64};
}

/// Adds rules and counts the native calls that can succeed.
class rule_writer {
 public:
  rule_writer(seccomp_filter& filter, std::uint32_t native) : filter_(filter), native_(native) {}

  void allow(std::string_view name, std::span<const scmp_arg_cmp> conditions = {}) {
    const std::string terminated(name);
    if (!filter_.add(SCMP_ACT_ALLOW, terminated.c_str(), conditions)) return;
    const auto number = filter_.number_on(native_, terminated.c_str());
    if (number && std::find(counted_.begin(), counted_.end(), *number) == counted_.end()) counted_.push_back(*number);
  }
  void allow_all(std::string_view names) {
    for (const auto name : text::split(names, ' ')) allow(name);
  }
  void allow_if(const char* name, scmp_arg_cmp condition) { allow(name, std::span(&condition, 1)); }
  void answer(const char* name, int sys_errno) {
    filter_.add(SCMP_ACT_ERRNO(static_cast<std::uint32_t>(sys_errno)), name);
  }
  [[nodiscard]] unsigned count() const noexcept { return static_cast<unsigned>(counted_.size()); }

 private:
  seccomp_filter& filter_;
  std::uint32_t native_;
  std::vector<int> counted_;
};

/// Cases are alternatives; families by name in the default profile, all but two in docker's.
void add_sockets(rule_writer& write, seccomp_builtin which, sys::cap_mask caps) {
  constexpr std::uint64_t unix_family = 1, inet = 2, inet6 = 10, netlink = 16, alg = 38, vsock = 40, first_free = 46;
  if (which == seccomp_builtin::docker) {
    // One by one and on the low half only: "below alg or above vsock" lets (1 << 32 | alg) through, which the kernel
    // takes for alg.
    for (std::uint64_t family = 0; family < first_free; ++family)
      if (family != alg && family != vsock) write.allow_if("socket", equal(0, low_half, family));
    write.allow("socketpair");
    return;
  }
  for (const auto family : {unix_family, inet, inet6}) write.allow_if("socket", equal(0, low_half, family));
  for (const auto& rule : rules::families_by_capability)
    if ((caps & sys::cap_bit(rule.capability)) != 0) write.allow_if("socket", equal(0, low_half, rule.family));
  const auto protocol = [&](std::uint64_t number) {
    const scmp_arg_cmp both[] = {equal(0, low_half, netlink), equal(2, low_half, number)};
    write.allow("socket", both);
  };
  protocol(0);  // NETLINK_ROUTE: interfaces and addresses, read by getaddrinfo
  for (const auto& rule : rules::netlink_by_capability)
    if ((caps & sys::cap_bit(rule.capability)) != 0) protocol(rule.protocol);
  write.allow_if("socketpair", equal(0, low_half, unix_family));
}

void add_special_calls(rule_writer& write, seccomp_builtin which, sys::cap_mask caps) {
  const bool administrator = (caps & sys::cap_bit(CAP_SYS_ADMIN)) != 0;
  if (!administrator) {
    // New namespaces are where most privilege escalations of the last decade began.
    constexpr std::uint64_t new_namespaces = 0x7e020000;
    write.allow_if("clone", equal(0, new_namespaces, 0));
    // clone3 passes its flags in memory, where a filter cannot look; libc falls back to clone.
    write.answer("clone3", ENOSYS);
  }
  for (const auto value : rules::personalities) write.allow_if("personality", equal(0, low_half, value));
  write.allow("ioctl");
  add_sockets(write, which, caps);
  if (which == seccomp_builtin::docker || (caps & sys::cap_bit(CAP_MKNOD)) != 0) {
    write.allow("mknod");
    write.allow("mknodat");
  } else {
    for (const std::uint64_t type :
         {std::uint64_t{0}, std::uint64_t{S_IFREG}, std::uint64_t{S_IFIFO}, std::uint64_t{S_IFSOCK}}) {
      write.allow_if("mknod", equal(1, S_IFMT, type));
      write.allow_if("mknodat", equal(2, S_IFMT, type));
    }
  }
  if (which == seccomp_builtin::standard) {
    write.answer("vmsplice", EINVAL);
    write.answer("tee", EINVAL);
  }
}

}  // namespace

seccomp_filter::seccomp_filter(const seccomp_api& api, std::uint32_t default_action,
                               std::span<const std::uint32_t> archs)
    : api_(&api), context_(api.init(default_action), release{api.release}) {
  if (!context_) throw error(errc::unsupported, "seccomp_init", {}, "libseccomp does not know this action");
  const auto check = [](int failure, const char* call) {
    if (failure < 0) throw error::from_errno(-failure, call);
  };
  const auto native = api.arch_native();
  if (std::find(archs.begin(), archs.end(), native) == archs.end()) {
    check(api.arch_add(context_.get(), archs.front()), "seccomp_arch_add");
    check(api.arch_remove(context_.get(), native), "seccomp_arch_remove");
  }
  for (const auto arch : archs) {
    const int failure = api.arch_add(context_.get(), arch);
    if (failure != -EEXIST) check(failure, "seccomp_arch_add");
  }
  check(api.attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "seccomp_attr_set");
  // 2 = a binary tree over the numbers. Older libraries have only the list, which is right, too.
  (void)api.attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

bool seccomp_filter::add(std::uint32_t action, const char* name, std::span<const scmp_arg_cmp> conditions) {
  const int number = api_->resolve_name(name);
  if (number == __NR_SCMP_ERROR) return false;
  const int failure = api_->rule_add(context_.get(), action, number, static_cast<unsigned>(conditions.size()),
                                     conditions.empty() ? nullptr : conditions.data());
  // EDOM: no architecture of the filter has the call. EACCES: the default action says the same. EEXIST: said before.
  if (failure == -EDOM || failure == -EACCES || failure == -EEXIST) return failure == -EEXIST;
  if (failure < 0) throw error::from_errno(errc::invalid, -failure, "seccomp_rule_add", name);
  return true;
}

std::optional<int> seccomp_filter::number_on(std::uint32_t arch, const char* name) const {
  const int number = api_->resolve_name_arch(arch, name);
  return number < 0 ? std::nullopt : std::optional(number);
}

std::vector<std::uint64_t> seccomp_filter::compile() const {
  const sys::unique_fd file{::memfd_create("seccomp", MFD_CLOEXEC)};
  if (!file) throw error::from_errno(errno, "memfd_create");
  if (const int failure = api_->export_bpf(context_.get(), file.get()); failure < 0)
    throw error::from_errno(-failure, "seccomp_export_bpf");
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  if (size <= 0 || size % static_cast<off_t>(sizeof(std::uint64_t)) != 0)
    throw error(errc::kernel, "seccomp_export_bpf", {}, "wrote no whole instructions");
  std::vector<std::uint64_t> program(static_cast<std::size_t>(size) / sizeof(std::uint64_t));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(size), 0) != size)
    throw error::from_errno(errno, "read seccomp program");
  return program;
}

sys::cap_mask gating_caps(sys::cap_mask caps) noexcept {
  sys::cap_mask gates = sys::cap_bit(CAP_MKNOD);
  for (const auto& rule : rules::by_capability) gates |= sys::cap_bit(rule.capability);
  for (const auto& rule : rules::families_by_capability) gates |= sys::cap_bit(rule.capability);
  for (const auto& rule : rules::netlink_by_capability) gates |= sys::cap_bit(rule.capability);
  return caps & gates;
}

seccomp_program compile_builtin(const seccomp_api& api, seccomp_machine machine, seccomp_builtin which,
                                sys::cap_mask caps, foreign_abi abi) {
  const bool intel = machine == seccomp_machine::x86_64;
  std::vector<std::uint32_t> archs{arch_of(machine)};
  std::vector<rules::abi> abis{intel ? rules::x86_64 : rules::aarch64};
  if (abi == foreign_abi::filter) {
    archs.push_back(intel ? SCMP_ARCH_X86 : SCMP_ARCH_ARM);
    abis.push_back(intel ? rules::i386 : rules::arm);
    if (intel) archs.push_back(SCMP_ARCH_X32);
  }
  seccomp_filter filter(api, SCMP_ACT_ERRNO(EPERM), archs);
  rule_writer write(filter, archs.front());
  write.allow_all(rules::always);
  if (abi == foreign_abi::filter) write.allow_all(rules::always_32bit);
  if (which == seccomp_builtin::docker) write.allow_all(rules::docker_only);
  for (const auto& rule : rules::by_capability)
    if ((caps & sys::cap_bit(rule.capability)) != 0) write.allow_all(rule.names);
  add_special_calls(write, which, caps);

  seccomp_program program;
  program.allowed = write.count();
  program.bpf = with_start(filter.compile(), abis, which == seccomp_builtin::standard ? guard::on : guard::off);
  return program;
}

std::vector<std::uint64_t> with_unknown_calls(std::vector<std::uint64_t> program, std::uint32_t last_known) {
  const auto& native = native_machine == seccomp_machine::x86_64 ? rules::x86_64 : rules::aarch64;
  program_start start;
  start.load(arch_offset);
  start.jump(BPF_JEQ, native.audit_arch, to::next, to::rules);
  start.load(number_offset);
  if (native.foreign_bit != 0) start.jump(BPF_JGE, native.foreign_bit, to::rules, to::next);
  start.jump(BPF_JGT, last_known, to::no_call, to::rules);
  start.place(to::no_call);
  start.answer(SECCOMP_RET_ERRNO | ENOSYS);
  start.place(to::rules);
  return start.before(program);
}

}  // namespace contain::runtime

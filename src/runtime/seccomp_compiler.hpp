// Rules become a classic BPF program by way of libseccomp. Used twice: by the generator that runs when the library is
// built, linked with libseccomp, and at run time with the functions that dlopen found.
#pragma once
#include <seccomp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "contain/runtime/seccomp_profile.hpp"
#include "runtime/seccomp_rules.hpp"

namespace contain::runtime {

/// libseccomp's functions, wherever they come from.
struct seccomp_api {
  decltype(&::seccomp_init) init = nullptr;
  decltype(&::seccomp_release) release = nullptr;
  decltype(&::seccomp_attr_set) attr_set = nullptr;
  decltype(&::seccomp_arch_native) arch_native = nullptr;
  decltype(&::seccomp_arch_add) arch_add = nullptr;
  decltype(&::seccomp_arch_remove) arch_remove = nullptr;
  decltype(&::seccomp_syscall_resolve_name) resolve_name = nullptr;
  decltype(&::seccomp_syscall_resolve_name_arch) resolve_name_arch = nullptr;
  decltype(&::seccomp_rule_add_array) rule_add = nullptr;
  decltype(&::seccomp_export_bpf) export_bpf = nullptr;
};

/// A filter under construction.
class seccomp_filter {
 public:
  /// `archs` are SCMP_ARCH_x, the native one first; calls of others end the process.
  seccomp_filter(const seccomp_api& api, std::uint32_t default_action, std::span<const std::uint32_t> archs);
  /// Several rules for one call are alternatives, the conditions of one rule hold together. False if no architecture of
  /// libseccomp's has the call, or if the rule says what the default does.
  bool add(std::uint32_t action, const char* name, std::span<const scmp_arg_cmp> conditions = {});
  /// The program as struct sock_filter, 8 bytes each.
  [[nodiscard]] std::vector<std::uint64_t> compile() const;
  /// The call's number on `arch`; nothing if it has none.
  [[nodiscard]] std::optional<int> number_on(std::uint32_t arch, const char* name) const;

 private:
  struct release {
    decltype(&::seccomp_release) call;
    void operator()(void* context) const noexcept { call(context); }
  };
  const seccomp_api* api_;
  std::unique_ptr<void, release> context_;
};

/// The machine a program is made for.
enum class seccomp_machine : unsigned char { x86_64, aarch64 };
#if defined(__aarch64__)
inline constexpr auto native_machine = seccomp_machine::aarch64;
#elif defined(__x86_64__)
inline constexpr auto native_machine = seccomp_machine::x86_64;
#else
#error "no system call profile for this architecture: add it to seccomp_rules.hpp"
#endif

/// The capabilities of `caps` that open calls beyond those of `which`.
sys::cap_mask gating_caps(sys::cap_mask caps) noexcept;

/// One of the built-in profiles, for any machine.
seccomp_program compile_builtin(const seccomp_api& api, seccomp_machine machine, seccomp_builtin which,
                                sys::cap_mask caps, foreign_abi abi);

/// `program` behind a start that answers ENOSYS for native numbers above `last_known`.
std::vector<std::uint64_t> with_unknown_calls(std::vector<std::uint64_t> program, std::uint32_t last_known);

}  // namespace contain::runtime

#include "contain/runtime/seccomp_profile.hpp"

#include <span>

#include "contain/runtime/profile.hpp"
#include "runtime/seccomp_compiler.hpp"
#include "runtime/seccomp_library.hpp"
#include "seccomp_programs.hpp"

namespace contain::runtime {

seccomp_program builtin_seccomp(seccomp_builtin which, sys::cap_mask caps, foreign_abi abi) {
  const auto made = [](std::span<const std::uint64_t> bpf, unsigned allowed) {
    return seccomp_program{{bpf.begin(), bpf.end()}, allowed};
  };
  const auto profile = which == seccomp_builtin::docker ? isolation_profile::docker : isolation_profile::standard;
  // A capability less than the profile has: the calls it opens fail in the kernel then, no other filter is needed.
  const bool ready = (gating_caps(caps) & ~data_of(profile).caps) == 0;
  namespace programs = seccomp_programs;
  if (ready && which == seccomp_builtin::docker && abi == foreign_abi::filter)
    return made(programs::docker_foreign, programs::docker_foreign_allowed);
  if (ready && which == seccomp_builtin::standard) {
    return abi == foreign_abi::filter ? made(programs::standard_foreign, programs::standard_foreign_allowed)
                                      : made(programs::standard, programs::standard_allowed);
  }
  const seccomp_library library;
  return compile_builtin(library.api(), native_machine, which, caps, abi);
}

}  // namespace contain::runtime

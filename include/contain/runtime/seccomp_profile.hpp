// System call filters: the built-in ones, compiled when the library is built, and a user's own in docker's JSON.
// seccomp(2); the JSON is that of docker's --security-opt seccomp=FILE.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "contain/sys/caps.hpp"

namespace contain::runtime {

enum class seccomp_builtin : unsigned char {
  standard,  ///< native ABI, 4 socket families, no terminal injection; calls the default profile never needs are denied
  docker,    ///< what docker lets through
};

/// Whether 32-bit (and on x86-64 x32) calls are filtered by the same rules or end the process.
enum class foreign_abi : unsigned char { kill, filter };

/// A classic BPF program, one instruction in 8 bytes as struct sock_filter has them.
struct seccomp_program {
  std::vector<std::uint64_t> bpf;
  unsigned allowed = 0;  ///< native system calls that can succeed, some only with certain arguments
};

/// `caps` beyond the profile's own open the calls that need them (SYS_PTRACE: ptrace…); such a program is compiled here
/// and now by libseccomp, as one for foreign ABIs is. Throws error{unsupported} if libseccomp.so.2 is not installed.
seccomp_program builtin_seccomp(seccomp_builtin which, sys::cap_mask caps, foreign_abi abi = foreign_abi::kill);

/// Compiles a profile of the user's. `caps` decides its includes and excludes. Unknown names are passed over as docker
/// does. Throws error{invalid} naming the place, error{unsupported} without libseccomp.so.2.
seccomp_program compile_seccomp(std::string_view json, sys::cap_mask caps);

}  // namespace contain::runtime

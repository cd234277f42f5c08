// What travels between the library, the supervisor and the clients of a container. All sockets are SOCK_SEQPACKET: one
// send is one message, so nothing needs framing and threads need no lock.
#pragma once
#include <cstdint>

namespace contain::runtime {

/// Library -> supervisor: this header, then the launch plan; its descriptors as SCM_RIGHTS. A plan larger than
/// inline_limit travels as a memfd, the last descriptor.
struct request_header {
  std::uint32_t magic = 0x63'6e'74'31;  // "cnt1": a library and a supervisor of different versions never talk
  /// reap: instead of a plan a file name, to be deleted in the directory that travels along; there is no answer.
  enum class kind : std::uint32_t { launch, exec, reap } what = kind::launch;
  std::uint32_t in_memfd = 0;
  std::uint32_t size = 0;
};
inline constexpr std::uint32_t inline_limit = 96 * 1024;
inline constexpr int max_fds = 200;  // SCM_MAX_FD is 253 (unix(7))

/// Supervisor -> library, on the request's own reply socket; with an exec on a terminal the pty's master travels along.
struct launch_reply {
  std::uint32_t failed_step = 0;  ///< runtime::step; 0 = executed
  std::int32_t sys_errno = 0;
  std::int32_t pid = 0;
  std::int32_t supervisor_pid = 0;
  std::uint64_t start_ticks = 0;
  std::uint32_t weakened = 0;  ///< weakened_row
  std::uint32_t reserved = 0;
};

/// Both directions between supervisor and clients (attach, wait). Payload follows in the same message.
struct client_frame {
  enum class kind : std::uint32_t {
    hello,      ///< client: `value` = wants
    output,     ///< supervisor: `value` = 1 stdout, 2 stderr; payload = bytes
    exited,     ///< supervisor: payload = exit_record
    input,      ///< client: payload = bytes
    input_end,  ///< client: EOF for the process once all input has arrived
    resize,     ///< client: `value` = rows << 16 | columns
  } what = kind::hello;
  std::uint32_t value = 0;
};
enum client_wants : std::uint32_t { wants_input = 1, wants_output = 2 };
inline constexpr std::uint32_t frame_payload = 64 * 1024;

/// How the first process ended. It stays as an extended attribute of the container's directory, which needs no inode;
/// as the file "exit" in it where the file system has no such attributes.
struct exit_record {
  std::uint32_t magic = 0x65'78'74'31;  // "ext1"
  std::int32_t code = 0;                ///< 0 to 255; 128 + signal
  std::int32_t signal = 0;
  std::uint32_t oom_killed = 0;
  std::uint64_t finished_ns = 0;  ///< CLOCK_REALTIME
};

inline constexpr char exit_attribute[] = "user.contain.exit";

/// Layout of containers/<id>/log: header, bytes, the size again.
struct log_header {
  std::uint64_t time_ns;
  std::uint32_t size;
  std::uint8_t stream;
  std::uint8_t zero[3];
};
static_assert(sizeof(log_header) == 16);

}  // namespace contain::runtime

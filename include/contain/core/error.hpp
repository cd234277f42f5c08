// The one error type of the library, and the table that gives each code its words, its Python class,
// its exit code and its HTTP status. Text is for people; programs look at code().
#pragma once
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace contain {

/// What went wrong, one value per distinct reaction. The number is what `contain explain CT0203` takes.
enum class errc : std::uint16_t {
  // 1xx: the host and the caller
  unsupported = 101,  ///< the kernel or host lacks a feature; the message names it
  denied = 102,       ///< a permission is missing
  exhausted = 103,    ///< disk, descriptors, memory, ids: a resource ran out
  kernel = 104,       ///< a system call failed in a way nobody expected
  interrupted = 105,  ///< the stop token fired
  timeout = 106,
  invalid = 107,  ///< an argument is wrong
  busy = 108,
  no_subids = 109,      ///< no subordinate ids for this user
  limit_refused = 110,  ///< the kernel refused a resource limit
  // 2xx: images and registries
  image_not_found = 201,
  image_in_use = 202,
  registry_unreachable = 203,
  auth = 204,
  digest_mismatch = 205,
  corrupt = 206,   ///< an archive or document is damaged or hostile
  protocol = 207,  ///< the registry answered something the specification does not allow
  platform_mismatch = 208,
  // 3xx: containers
  container_not_found = 301,
  name_in_use = 302,
  not_running = 303,
  already_running = 304,
  start_failed = 305,
  command_not_found = 306,
  command_not_executable = 307,
  unknown_user = 308,
  bad_workdir = 309,
  isolation_missing = 310,  ///< the kernel cannot give a row of the profile
  nonzero_exit = 311,
  out_of_memory = 312,
  supervisor_lost = 313,
  // 6xx: the store
  store_corrupt = 601,
  store_version = 602,
};

/// One row of the error table.
struct error_entry {
  errc code;
  std::string_view name;          ///< "registry_unreachable"
  std::string_view summary;       ///< one sentence for people
  std::string_view hint;          ///< default help, may be empty
  std::string_view python_class;  ///< class in module contain
  int exit_code;                  ///< of the command line
  int http_status;                ///< of the Docker Engine API front
};

/// All rows, in order of code.
std::span<const error_entry> error_table() noexcept;
/// The row of `code`. Every errc has one; a test asserts it.
const error_entry& describe(errc code) noexcept;

/// Thrown by every layer above `sys`. what() reads
/// `open_tree "/srv/x": No such file or directory (while preparing the root file system; while starting web)`.
class error : public std::exception {
 public:
  /// `operation` is a verb or a system call, `subject` what it was done to.
  error(errc code, std::string operation, std::string subject = {}, std::string detail = {});
  /// A failed system call: the code follows from `sys_errno` unless the caller knows better.
  static error from_errno(int sys_errno, std::string operation, std::string subject = {});
  static error from_errno(errc code, int sys_errno, std::string operation, std::string subject = {});

  [[nodiscard]] errc code() const noexcept { return code_; }
  [[nodiscard]] std::string id() const;  ///< "CT0203"
  [[nodiscard]] const std::string& operation() const noexcept { return operation_; }
  [[nodiscard]] const std::string& subject() const noexcept { return subject_; }
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
  [[nodiscard]] int sys_errno() const noexcept { return sys_errno_; }
  [[nodiscard]] const std::vector<std::string>& context() const noexcept { return context_; }
  /// The command or change that helps; the table's default unless set.
  [[nodiscard]] std::string hint() const;

  /// Adds one frame: what the caller was doing. `catch (error& e) { e.during("pulling x"); throw; }`
  error& during(std::string what);
  error& with_hint(std::string hint);
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  void compose();
  errc code_;
  int sys_errno_ = 0;
  std::string operation_, subject_, detail_, hint_, text_;
  std::vector<std::string> context_;
};

/// The errc that fits an errno when nothing more is known (ENOENT is the caller's to name: `kernel`).
errc code_for_errno(int sys_errno) noexcept;

}  // namespace contain

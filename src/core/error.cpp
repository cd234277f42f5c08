#include "contain/core/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace contain {
namespace {

using enum errc;
constexpr std::array table{
    error_entry{unsupported, "unsupported", "the kernel or host lacks a feature that this needs",
                "run `contain doctor` to see what this host can do", "Unsupported", 125, 501},
    error_entry{denied, "denied", "a permission is missing", "", "PermissionDenied", 125, 403},
    error_entry{exhausted, "exhausted", "a resource of the host ran out",
                "free space or raise the limit, then try again; `contain doctor` shows both", "ResourceExhausted", 125,
                507},
    error_entry{kernel, "kernel", "a system call failed unexpectedly", "", "HostError", 125, 500},
    error_entry{interrupted, "interrupted", "the operation was cancelled by its caller", "", "Interrupted", 130, 499},
    error_entry{timeout, "timeout", "the operation did not finish in time", "", "Timeout", 125, 504},
    error_entry{invalid, "invalid", "an argument is not valid", "", "InvalidArgument", 125, 400},
    error_entry{busy, "busy", "another operation holds this object", "", "Busy", 125, 409},
    error_entry{no_subids, "no_subids", "this user has no subordinate ids",
                "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER", "HostError", 125, 500},
    error_entry{limit_refused, "limit_refused", "the kernel refused a resource limit", "", "ResourceExhausted", 125,
                400},
    error_entry{image_not_found, "image_not_found", "no such image", "", "ImageNotFound", 125, 404},
    error_entry{image_in_use, "image_in_use", "the image is in use", "remove the container first, or use force",
                "ImageInUse", 1, 409},
    error_entry{registry_unreachable, "registry_unreachable", "the registry cannot be reached",
                "check the name and the network", "RegistryUnreachable", 125, 502},
    error_entry{auth, "auth", "the registry refused the credentials",
                "name a file with credentials as docker writes it: --authfile", "AuthError", 125, 401},
    error_entry{digest_mismatch, "digest_mismatch", "content does not match its digest",
                "the registry or something between changed the bytes; nothing was kept", "DigestMismatch", 125, 502},
    error_entry{corrupt, "corrupt", "the archive or document is damaged or hostile", "", "CorruptImage", 125, 400},
    error_entry{protocol, "protocol", "the registry answered something unexpected", "", "PullError", 125, 502},
    error_entry{platform_mismatch, "platform_mismatch", "the image has no variant for this platform",
                "choose one of the listed platforms with --platform", "ImageNotFound", 125, 404},
    error_entry{container_not_found, "container_not_found", "no such container", "`contain ps -a` lists them",
                "NotFound", 1, 404},
    error_entry{name_in_use, "name_in_use", "the name is taken",
                "remove or rename the other container, or choose another name", "AlreadyExists", 125, 409},
    error_entry{not_running, "not_running", "the container is not running", "contain start NAME", "NotRunning", 1, 409},
    error_entry{already_running, "already_running", "the container is running", "stop it first, or use force",
                "AlreadyRunning", 1, 409},
    error_entry{start_failed, "start_failed", "the container could not be started", "", "StartError", 125, 500},
    error_entry{command_not_found, "command_not_found", "the command does not exist in the container", "",
                "CommandNotFound", 127, 400},
    error_entry{command_not_executable, "command_not_executable",
                "the command exists in the container but cannot be executed", "", "CommandNotExecutable", 126, 400},
    error_entry{unknown_user, "unknown_user", "the image knows no such user or group", "", "StartError", 125, 400},
    error_entry{bad_workdir, "bad_workdir", "the working directory cannot be used", "", "StartError", 125, 400},
    error_entry{isolation_missing, "isolation_missing", "the kernel cannot give a row of the isolation profile",
                "`contain doctor` shows which; on_missing (--security-opt on-missing=ROW) starts without it",
                "Unsupported", 125, 501},
    error_entry{nonzero_exit, "nonzero_exit", "the command exited with a status other than 0", "", "ExitError", 1, 500},
    error_entry{out_of_memory, "out_of_memory", "the container used up its memory limit", "raise the memory limit",
                "OOMKilled", 137, 500},
    error_entry{supervisor_lost, "supervisor_lost", "the supervisor of this engine ended", "", "ContainerError", 125,
                500},
    error_entry{store_corrupt, "store_corrupt", "the store is damaged",
                "start with another root (CONTAIN_ROOT) and keep this one for its images", "HostError", 125, 500},
    error_entry{store_version, "store_version", "the store was written by a newer version",
                "use that version, or another root (CONTAIN_ROOT)", "HostError", 125, 500},
};

}  // namespace

std::span<const error_entry> error_table() noexcept { return table; }

const error_entry& describe(errc code) noexcept {
  const auto* row = std::find_if(table.begin(), table.end(), [&](const auto& e) { return e.code == code; });
  return row == table.end() ? table[3] : *row;
}

errc code_for_errno(int sys_errno) noexcept {
  switch (sys_errno) {
    case EPERM:
    case EACCES:
      return denied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return exhausted;
    case ENOSYS:
    case EOPNOTSUPP:
      return unsupported;
    case ETIMEDOUT:
      return timeout;
    case ECANCELED:
      return interrupted;
    default:
      return kernel;
  }
}

error::error(errc code, std::string operation, std::string subject, std::string detail)
    : code_(code), operation_(std::move(operation)), subject_(std::move(subject)), detail_(std::move(detail)) {
  compose();
}

error error::from_errno(int sys_errno, std::string operation, std::string subject) {
  return from_errno(code_for_errno(sys_errno), sys_errno, std::move(operation), std::move(subject));
}

error error::from_errno(errc code, int sys_errno, std::string operation, std::string subject) {
  // strerrordesc_np is thread safe and ignores the locale, unlike strerror (glibc 2.32).
  const char* words = ::strerrordesc_np(sys_errno);
  error e{code, std::move(operation), std::move(subject), words != nullptr ? words : "unknown error"};
  e.sys_errno_ = sys_errno;
  return e;
}

std::string error::id() const {
  std::array<char, 8> buffer{};
  (void)std::snprintf(buffer.data(), buffer.size(), "CT%04u", static_cast<unsigned>(code_) % 10000u);
  return buffer.data();
}

std::string error::hint() const { return hint_.empty() ? std::string{describe(code_).hint} : hint_; }

error& error::during(std::string what) {
  context_.push_back(std::move(what));
  compose();
  return *this;
}

error& error::with_hint(std::string hint) {
  hint_ = std::move(hint);
  return *this;
}

void error::compose() {
  text_ = operation_;
  if (!subject_.empty()) text_ += " \"" + subject_ + '"';
  text_ += ": ";
  text_ += detail_.empty() ? describe(code_).summary : std::string_view{detail_};
  for (std::size_t i = 0; i < context_.size(); ++i) text_ += (i == 0 ? " (while " : "; while ") + context_[i];
  if (!context_.empty()) text_ += ')';
}

}  // namespace contain

#include "runtime/seccomp_library.hpp"

#include <dlfcn.h>

#include <string>
#include <utility>

#include "contain/core/error.hpp"

namespace contain::runtime {
namespace {

[[noreturn]] void unusable(const char* what) {
  error e(errc::unsupported, "open", "libseccomp.so.2", std::string(what) + ": this system call profile needs it");
  throw std::move(e.with_hint("apt-get install libseccomp2"));
}

template <class Function>
void find(void* handle, const char* name, Function& into) {
  into = reinterpret_cast<Function>(::dlsym(handle, name));
  if (into == nullptr) unusable(name);
}

}  // namespace

void seccomp_library::close::operator()(void* handle) const noexcept { (void)::dlclose(handle); }

seccomp_library::seccomp_library() : handle_(::dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL)) {
  if (!handle_) unusable("not found");
  find(handle_.get(), "seccomp_init", api_.init);
  find(handle_.get(), "seccomp_release", api_.release);
  find(handle_.get(), "seccomp_attr_set", api_.attr_set);
  find(handle_.get(), "seccomp_arch_native", api_.arch_native);
  find(handle_.get(), "seccomp_arch_add", api_.arch_add);
  find(handle_.get(), "seccomp_arch_remove", api_.arch_remove);
  find(handle_.get(), "seccomp_syscall_resolve_name", api_.resolve_name);
  find(handle_.get(), "seccomp_syscall_resolve_name_arch", api_.resolve_name_arch);
  find(handle_.get(), "seccomp_rule_add_array", api_.rule_add);
  find(handle_.get(), "seccomp_export_bpf", api_.export_bpf);
}

}  // namespace contain::runtime

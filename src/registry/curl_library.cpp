#include "registry/curl_library.hpp"

#include <dlfcn.h>

#include <array>
#include <string>

#include "contain/core/error.hpp"

namespace contain::registry {
namespace {

constexpr std::string_view help = "apt-get install libcurl4";

void* open_library() {
  std::string why;
  // Both have the same interface; Debian builds the second one with GnuTLS.
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    if (void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return handle;
    if (why.empty()) why = ::dlerror();
  }
  throw error{errc::unsupported, "open library", "libcurl.so.4", why}.with_hint(std::string{help});
}

template <class F>
void find(void* library, const char* name, F& out) {
  void* symbol = ::dlsym(library, name);
  if (symbol == nullptr)
    throw error{errc::unsupported, "find function", name, "this libcurl is older than 7.68"}.with_hint(
        std::string{help});
  out = reinterpret_cast<F>(symbol);
}

curl_library load() {
  void* handle = open_library();
  curl_library out{};
  find(handle, "curl_easy_init", out.easy_init);
  find(handle, "curl_easy_cleanup", out.easy_cleanup);
  find(handle, "curl_easy_reset", out.easy_reset);
  find(handle, "curl_easy_setopt", out.easy_setopt);
  find(handle, "curl_easy_getinfo", out.easy_getinfo);
  find(handle, "curl_easy_strerror", out.easy_strerror);
  find(handle, "curl_multi_init", out.multi_init);
  find(handle, "curl_multi_cleanup", out.multi_cleanup);
  find(handle, "curl_multi_add_handle", out.multi_add_handle);
  find(handle, "curl_multi_remove_handle", out.multi_remove_handle);
  find(handle, "curl_multi_perform", out.multi_perform);
  find(handle, "curl_multi_poll", out.multi_poll);
  find(handle, "curl_multi_wakeup", out.multi_wakeup);
  find(handle, "curl_multi_info_read", out.multi_info_read);
  find(handle, "curl_multi_strerror", out.multi_strerror);
  find(handle, "curl_slist_append", out.slist_append);
  find(handle, "curl_slist_free_all", out.slist_free_all);
  decltype(&::curl_global_init) global_init{};
  find(handle, "curl_global_init", global_init);
  // Counted by libcurl, so a host that uses curl itself is not disturbed; never undone, because that is not thread
  // safe.
  if (const auto code = global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK)
    throw error{errc::unsupported, "start libcurl", "", out.easy_strerror(code)};
  return out;
}

}  // namespace

const curl_library& curl_library::get() {
  // A function's static is made by one thread while the others wait; when it throws, the next caller tries again.
  static const curl_library library = load();
  return library;
}

}  // namespace contain::registry

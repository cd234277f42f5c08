#include "contain/storage/tar.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string_view>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::storage {
namespace {

constexpr std::size_t block_bytes = 256 * 1024;

// libarchive converts names to the locale's character set; a UTF-8 one even composes accents, which renames files. The
// C locale leaves bytes alone. Set for this thread only and only during a call: the host's locale is not ours.
class byte_locale {
 public:
  byte_locale() : own_(::newlocale(LC_CTYPE_MASK, "C", nullptr)) {
    if (own_ == nullptr) throw error{errc::exhausted, "newlocale", "C"};
  }
  byte_locale(const byte_locale&) = delete;
  byte_locale& operator=(const byte_locale&) = delete;
  ~byte_locale() { ::freelocale(own_); }

  class scope {
   public:
    explicit scope(const byte_locale& l) noexcept : before_(::uselocale(l.own_)) {}
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() { ::uselocale(before_); }

   private:
    locale_t before_;
  };

 private:
  locale_t own_;
};

std::string_view reason(archive* a) noexcept {
  const char* const text = ::archive_error_string(a);
  return text == nullptr ? "it is damaged" : text;
}

// The warning that names were not converted is what we want; any other one is damage.
bool is_conversion_warning(archive* a) noexcept {
  const auto text = reason(a);
  return text.find("can't be converted") != std::string_view::npos ||  // reading
         text.find("Can't translate") != std::string_view::npos;  // writing: the header says hdrcharset=BINARY then
}

std::string text_of(const char* text) { return text == nullptr ? std::string{} : std::string{text}; }

tar_kind kind_of(archive_entry* e) noexcept {
  if (::archive_entry_hardlink(e) != nullptr) return tar_kind::hardlink;
  switch (::archive_entry_filetype(e)) {
    case AE_IFREG:
      return tar_kind::file;
    case AE_IFDIR:
      return tar_kind::directory;
    case AE_IFLNK:
      return tar_kind::symlink;
    case AE_IFIFO:
      return tar_kind::fifo;
    case AE_IFCHR:
      return tar_kind::character_device;
    case AE_IFBLK:
      return tar_kind::block_device;
    default:
      return tar_kind::other;
  }
}

}  // namespace

struct tar_reader::state {
  byte_source* source;
  std::size_t max_header_bytes;
  byte_locale locale{};
  std::vector<std::byte> buffer = std::vector<std::byte>(block_bytes);
  std::unique_ptr<archive, decltype(&::archive_read_free)> reader{::archive_read_new(), &::archive_read_free};
  archive_entry* current = nullptr;
  tar_entry entry{};
  std::size_t header_bytes = 0;  // handed out since next() began
  bool ended = false;
  std::exception_ptr failure{};  // of the source: must not cross libarchive's C frames

  // Handing out nothing more ends any growth of libarchive's buffers for headers.
  static la_ssize_t pull(archive* a, void* self, const void** data) {
    auto& s = *static_cast<state*>(self);
    try {
      if (s.header_bytes > s.max_header_bytes + block_bytes) {
        ::archive_set_error(a, EIO, "its headers are too long");
        return ARCHIVE_FATAL;
      }
      const auto n = s.ended ? 0 : s.source->read(s.buffer);
      s.ended = n == 0;
      s.header_bytes += n;
      *data = s.buffer.data();
      return static_cast<la_ssize_t>(n);
    } catch (...) {
      s.failure = std::current_exception();
      ::archive_set_error(a, EIO, "its source failed");
      return ARCHIVE_FATAL;
    }
  }

  [[noreturn]] void fail() const {
    if (failure) std::rethrow_exception(failure);
    throw error{errc::corrupt, "read tar", entry.path, std::string{reason(reader.get())}};
  }

  void take_entry() {
    entry = {};
    entry.path = text_of(::archive_entry_pathname(current));
    entry.kind = kind_of(current);
    entry.link = entry.kind == tar_kind::hardlink  ? text_of(::archive_entry_hardlink(current))
                 : entry.kind == tar_kind::symlink ? text_of(::archive_entry_symlink(current))
                                                   : std::string{};
    entry.mode = static_cast<unsigned>(::archive_entry_perm(current)) & 07777U;
    const auto number = [&](la_int64_t n) {
      if (n < 0) throw error{errc::corrupt, "read tar", entry.path, "a negative number in its header"};
      return static_cast<std::uint64_t>(n);
    };
    entry.uid = number(::archive_entry_uid(current));
    entry.gid = number(::archive_entry_gid(current));
    if (entry.kind == tar_kind::file) entry.size = number(::archive_entry_size(current));
    entry.mtime = {::archive_entry_mtime(current), ::archive_entry_mtime_nsec(current)};
    entry.device_major = static_cast<std::uint32_t>(::archive_entry_rdevmajor(current));
    entry.device_minor = static_cast<std::uint32_t>(::archive_entry_rdevminor(current));
    (void)::archive_entry_xattr_reset(current);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (::archive_entry_xattr_next(current, &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr) continue;
      entry.xattrs.emplace_back(name, size == 0 ? std::string{} : std::string{static_cast<const char*>(value), size});
    }
  }
};

tar_reader::tar_reader(byte_source& source, std::size_t max_header_bytes)
    : state_(new state{.source = &source, .max_header_bytes = max_header_bytes}) {
  archive* const a = state_->reader.get();
  if (a == nullptr) throw error{errc::exhausted, "read tar", "", "out of memory"};
  const byte_locale::scope scope{state_->locale};
  if (::archive_read_support_format_tar(a) != ARCHIVE_OK || ::archive_read_support_format_empty(a) != ARCHIVE_OK ||
      ::archive_read_open(a, state_.get(), nullptr, &state::pull, nullptr) != ARCHIVE_OK)
    state_->fail();
}

tar_reader::~tar_reader() = default;
tar_reader::tar_reader(tar_reader&&) noexcept = default;
tar_reader& tar_reader::operator=(tar_reader&&) noexcept = default;

bool tar_reader::next() {
  auto& s = *state_;
  const byte_locale::scope scope{s.locale};
  archive* const a = s.reader.get();
  // Skipped here and not by the next header, whose bytes are counted.
  if (s.current != nullptr && ::archive_read_data_skip(a) < ARCHIVE_WARN) s.fail();
  s.header_bytes = 0;
  const int got = ::archive_read_next_header(a, &s.current);
  s.header_bytes = 0;
  if (got == ARCHIVE_EOF) {
    s.current = nullptr;
    return false;
  }
  if (got != ARCHIVE_OK && !(got == ARCHIVE_WARN && is_conversion_warning(a))) s.fail();
  s.take_entry();
  if (s.entry.path.empty()) throw error{errc::corrupt, "read tar", "", "an entry without a name"};
  return true;
}

const tar_entry& tar_reader::entry() const noexcept { return state_->entry; }

bool tar_reader::read(tar_block& into) {
  auto& s = *state_;
  const void* data = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  s.header_bytes = 0;
  const int got = ::archive_read_data_block(s.reader.get(), &data, &size, &offset);
  if (got == ARCHIVE_EOF) return false;
  if (got != ARCHIVE_OK || offset < 0) s.fail();
  into = {{static_cast<const std::byte*>(data), size}, static_cast<std::uint64_t>(offset)};
  return true;
}

void tar_reader::drain() {
  while (!state_->ended) state_->ended = state_->source->read(state_->buffer) == 0;
}

struct tar_writer::state {
  byte_sink* sink;
  byte_locale locale{};
  std::unique_ptr<archive_entry, decltype(&::archive_entry_free)> entry{::archive_entry_new(), &::archive_entry_free};
  std::exception_ptr failure{};
  bool dropped = false;  // freeing an unfinished writer writes its end mark: not to a sink that may be gone
  std::unique_ptr<archive, decltype(&::archive_write_free)> writer{::archive_write_new(), &::archive_write_free};

  static la_ssize_t push(archive* a, void* self, const void* data, std::size_t size) {
    auto& s = *static_cast<state*>(self);
    if (s.dropped) return static_cast<la_ssize_t>(size);
    try {
      s.sink->write({static_cast<const std::byte*>(data), size});
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      s.failure = std::current_exception();
      ::archive_set_error(a, EIO, "its sink failed");
      return -1;
    }
  }

  void check(int got, std::string_view subject) const {
    if (got == ARCHIVE_OK || (got == ARCHIVE_WARN && is_conversion_warning(writer.get()))) return;
    if (failure) std::rethrow_exception(failure);
    throw error{errc::kernel, "write tar", std::string{subject}, std::string{reason(writer.get())}};
  }
};

tar_writer::tar_writer(byte_sink& sink) : state_(new state{.sink = &sink}) {
  archive* const a = state_->writer.get();
  if (a == nullptr || state_->entry == nullptr) throw error{errc::exhausted, "write tar", "", "out of memory"};
  const byte_locale::scope scope{state_->locale};
  state_->check(::archive_write_set_format_pax_restricted(a), "");
  state_->check(::archive_write_set_bytes_per_block(a, static_cast<int>(block_bytes)), "");
  // The padding to a whole block at the end would depend on that size; two zero blocks end a tar.
  state_->check(::archive_write_set_bytes_in_last_block(a, 1), "");
  state_->check(::archive_write_open(a, state_.get(), nullptr, &state::push, nullptr), "");
}

tar_writer::~tar_writer() {
  if (state_) state_->dropped = true;
}
tar_writer::tar_writer(tar_writer&&) noexcept = default;
tar_writer& tar_writer::operator=(tar_writer&&) noexcept = default;

void tar_writer::add(const tar_entry& entry) {
  auto& s = *state_;
  const byte_locale::scope scope{s.locale};
  archive_entry* const e = s.entry.get();
  ::archive_entry_clear(e);
  ::archive_entry_set_pathname(e, entry.path.c_str());
  unsigned type = AE_IFREG;
  switch (entry.kind) {
    case tar_kind::directory:
      type = AE_IFDIR;
      break;
    case tar_kind::symlink:
      type = AE_IFLNK;
      break;
    case tar_kind::fifo:
      type = AE_IFIFO;
      break;
    case tar_kind::character_device:
      type = AE_IFCHR;
      break;
    case tar_kind::block_device:
      type = AE_IFBLK;
      break;
    case tar_kind::file:
    case tar_kind::hardlink:
    case tar_kind::other:
      break;
  }
  ::archive_entry_set_filetype(e, type);
  if (entry.kind == tar_kind::symlink) ::archive_entry_set_symlink(e, entry.link.c_str());
  if (entry.kind == tar_kind::hardlink) ::archive_entry_set_hardlink(e, entry.link.c_str());
  if (entry.kind == tar_kind::character_device || entry.kind == tar_kind::block_device) {
    ::archive_entry_set_rdevmajor(e, entry.device_major);
    ::archive_entry_set_rdevminor(e, entry.device_minor);
  }
  ::archive_entry_set_perm(e, entry.mode & 07777U);
  ::archive_entry_set_uid(e, static_cast<la_int64_t>(entry.uid));
  ::archive_entry_set_gid(e, static_cast<la_int64_t>(entry.gid));
  ::archive_entry_set_size(e, entry.kind == tar_kind::file ? static_cast<la_int64_t>(entry.size) : 0);
  ::archive_entry_set_mtime(e, entry.mtime.tv_sec, entry.mtime.tv_nsec);
  // The format writes them in the reverse order; sorted, so that the order of listxattr(2) leaves no trace.
  auto xattrs = entry.xattrs;
  std::sort(xattrs.begin(), xattrs.end());
  for (const auto& [name, value] : xattrs) ::archive_entry_xattr_add_entry(e, name.c_str(), value.data(), value.size());
  s.check(::archive_write_header(s.writer.get(), e), entry.path);
}

void tar_writer::write(std::span<const std::byte> bytes) {
  auto& s = *state_;
  const auto n = ::archive_write_data(s.writer.get(), bytes.data(), bytes.size());
  if (n < 0 || static_cast<std::size_t>(n) != bytes.size()) s.check(ARCHIVE_FATAL, "");
}

void tar_writer::add_file(std::string path, std::string_view bytes, timespec mtime, unsigned mode) {
  tar_entry entry;
  entry.path = std::move(path);
  entry.size = bytes.size();
  entry.mtime = mtime;
  entry.mode = mode;
  add(entry);
  write(std::as_bytes(std::span{bytes}));
}

void tar_writer::finish() {
  const byte_locale::scope scope{state_->locale};
  state_->check(::archive_write_close(state_->writer.get()), "");
}

}  // namespace contain::storage

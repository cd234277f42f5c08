#include "engine/image_archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/storage/codec.hpp"
#include "contain/storage/tar.hpp"
#include "contain/sys/file.hpp"

namespace contain {
namespace {

// An archive of more members than this is none of images.
constexpr std::size_t max_members = 100'000;
constexpr unsigned max_links = 8;

/// `name` seen from the directory `base`; nothing when it leaves the archive.
std::optional<std::string> normal_name(std::string_view base, std::string_view name) {
  if (name.starts_with('/')) return std::nullopt;
  std::vector<std::string_view> parts;
  for (const auto whole : {base, name}) {
    for (const auto part : text::split(whole, '/')) {
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        if (parts.empty()) return std::nullopt;
        parts.pop_back();
      } else {
        parts.push_back(part);
      }
    }
  }
  std::string out;
  for (const auto part : parts) out += out.empty() ? std::string{part} : text::cat("/", part);
  return out;
}

[[noreturn]] void hostile(const std::string& name, std::string why) {
  throw error{errc::corrupt, "read archive", name, std::move(why)};
}

}  // namespace

image_archive image_archive::from_tar(engine::impl& in, storage::byte_source& tar) {
  image_archive archive{in};
  storage::decompressor plain{tar};
  storage::tar_reader reader{plain};
  for (std::size_t count = 0; reader.next();) {
    const auto& e = reader.entry();
    if (++count > max_members) hostile(e.path, "it has too many members");
    if (e.path.find("..") != std::string::npos && !normal_name({}, e.path))
      hostile(e.path, "the name leaves the archive");
    const auto name = normal_name({}, e.path);
    if (!name) hostile(e.path, "the name leaves the archive");
    switch (e.kind) {
      case storage::tar_kind::file: {
        auto blob = in.blobs.begin();
        storage::tar_block block;
        std::uint64_t at = 0;
        while (reader.read(block)) {
          if (block.offset != at) hostile(*name, "sparse members are not read");
          blob.write(block.bytes);
          at += block.bytes.size();
        }
        if (at != e.size) hostile(*name, "it is shorter than it says");
        archive.links_.erase(*name);
        archive.members_.insert_or_assign(*name, blob.finish());
        break;
      }
      case storage::tar_kind::symlink:
      case storage::tar_kind::hardlink: {
        // docker's older archives name a layer that occurs twice by a link to ../ID/layer.tar.
        const auto slash = name->rfind('/');
        const auto base =
            e.kind == storage::tar_kind::symlink && slash != std::string::npos ? name->substr(0, slash) : "";
        auto target = normal_name(base, e.link);
        if (!target) hostile(*name, "the link leaves the archive");
        archive.links_.insert_or_assign(*name, std::move(*target));
        break;
      }
      case storage::tar_kind::directory:
        break;
      default:
        hostile(*name, "it is neither file nor directory");
    }
  }
  reader.drain();
  return archive;
}

image_archive image_archive::from_directory(engine::impl& in, const std::filesystem::path& dir) {
  image_archive archive{in};
  auto fd = sys::open_at(AT_FDCWD, dir.c_str(), O_RDONLY | O_DIRECTORY);
  if (!fd) throw error::from_errno(errc::invalid, fd.error(), "open archive", dir.string());
  archive.directory_ = std::move(*fd);
  return archive;
}

const std::string& image_archive::resolve(const std::string& name) const {
  const std::string* at = &name;
  for (unsigned followed = 0;; ++followed) {
    const auto link = links_.find(*at);
    if (link == links_.end()) return *at;
    if (followed == max_links) hostile(name, "its links lead nowhere");
    at = &link->second;
  }
}

std::optional<sys::unique_fd> image_archive::open(const std::string& name) const {
  auto fd = [&] {
    if (directory_)  // links inside are fine, ones that lead out are not; a fifo must not hold us up
      return sys::open_beneath(directory_.get(), name.c_str(), O_RDONLY | O_NONBLOCK, 0, sys::resolve::beneath);
    const auto member = members_.find(resolve(name));
    if (member == members_.end()) return sys::result<sys::unique_fd>::failed(ENOENT);
    return sys::open_at(member->second.path.directory(), member->second.path.name().c_str(), O_RDONLY);
  }();
  if (!fd && fd.error() == ENOENT) return std::nullopt;
  if (!fd) throw error::from_errno(errc::corrupt, fd.error(), "open", name);
  struct stat st {};
  if (::fstat(fd->get(), &st) != 0 || !S_ISREG(st.st_mode)) hostile(name, "it is no regular file");
  return std::move(*fd);
}

bool image_archive::has(const std::string& name) const { return open(name).has_value(); }

std::string image_archive::text(const std::string& name, std::size_t limit) const {
  const auto fd = open(name);
  if (!fd) hostile(name, "the archive does not have it");
  storage::fd_source source{fd->get(), name};
  return storage::read_text(source, limit, name);
}

storage::staged_blob image_archive::stage(const std::string& name) const {
  if (!directory_) {
    const auto member = members_.find(resolve(name));
    if (member == members_.end()) hostile(name, "the archive does not have it");
    return storage::copy_of(member->second, in_->staging);
  }
  const auto fd = open(name);
  if (!fd) hostile(name, "the directory does not have it");
  auto blob = in_->blobs.begin();
  storage::fd_source source{fd->get(), name};
  (void)storage::copy(source, blob);
  return blob.finish();
}

}  // namespace contain

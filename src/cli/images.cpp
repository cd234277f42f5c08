// pull, load, save, import, tag, rmi.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/pulling.hpp"
#include "cli/words.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

/// A file of this process, closed at the end of its scope.
class file {
 public:
  explicit file(int fd) noexcept : fd_(fd) {}
  ~file() {
    if (fd_ >= 0) (void)::close(fd_);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

file open_input(const std::string& path, std::string_view flag) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw error::from_errno(errc::invalid, errno, std::string{flag}, path);
  return file{fd};
}

void require_piped_input(const invocation& call, std::string_view what) {
  if (::isatty(0) == 1)
    throw usage_error{cat("requested ", what, " from stdin, but stdin is a terminal"), call.full_name(), {}, 1};
}

/// A file that is complete or not there: written beside its place and renamed.
class saved_file {
 public:
  explicit saved_file(std::string path) : path_(std::move(path)), part_(path_ + ".part-" + std::to_string(::getpid())) {
    // /dev/null, a pipe or a terminal is written to as it is.
    struct stat now {};
    special_ = ::stat(path_.c_str(), &now) == 0 && !S_ISREG(now.st_mode);
    const auto& target = special_ ? path_ : part_;
    const int flags = O_WRONLY | O_CLOEXEC | (special_ ? 0 : O_CREAT | O_EXCL);
    fd_ = ::open(target.c_str(), flags, 0644);
    if (fd_ < 0) throw error::from_errno(errc::invalid, errno, "--output", path_);
  }
  ~saved_file() {
    if (fd_ < 0) return;
    (void)::close(fd_);
    if (!special_) (void)::unlink(part_.c_str());
  }
  saved_file(const saved_file&) = delete;
  saved_file& operator=(const saved_file&) = delete;
  [[nodiscard]] int fd() const noexcept { return fd_; }
  void commit() {
    if (::close(std::exchange(fd_, -1)) == 0 && (special_ || ::rename(part_.c_str(), path_.c_str()) == 0)) return;
    const int why = errno;
    if (!special_) (void)::unlink(part_.c_str());
    throw error::from_errno(why, "write", path_);
  }

 private:
  std::string path_, part_;
  bool special_ = false;
  int fd_ = -1;
};

}  // namespace

int pull_verb(invocation& call) {
  pull_flags given;
  arguments flags{call};
  flags.flag("-q,--quiet", given.quiet, "Suppress verbose output")
      .text("--platform", given.platform, "Set platform if the image has several")
      .text("--authfile", given.auth_file, "File with registry credentials (docker's config.json)")
      .text("--ca-file", given.ca_file, "PEM file of a certificate authority to trust")
      .value(
          "--tls-verify",
          [&](const std::string& text) {
            if (text != "true" && text != "false") throw std::string{"expected true or false"};
            given.insecure = text == "false";
          },
          "Check the registry's certificate (default true)", "bool")
      .refused("-a,--all-tags", "this version pulls one image at a time")
      .refused("--disable-content-trust", "this version checks every digest and knows no other trust");
  const auto names = flags.parse({1, 1});
  (void)pull_image(call, names.front(), given);
  call.io.out.line(given.quiet ? names.front() : with_default_tag(names.front()));
  return 0;
}

int load_verb(invocation& call) {
  std::string input;
  bool quiet = false;
  arguments flags{call};
  flags.text("-i,--input", input, "Read from tar archive file, instead of STDIN")
      .flag("-q,--quiet", quiet, "Suppress the load output");
  (void)flags.parse({0, 0});
  std::vector<image> loaded;
  if (input.empty()) {
    require_piped_input(call, "load");
    loaded = image::load(call.store(), 0);
  } else {
    loaded = image::load(call.store(), std::filesystem::path{input});
  }
  for (const auto& one : loaded) {
    const auto info = one.info();
    if (info.tags.empty()) call.io.out.line(cat("Loaded image ID: ", info.id));
    for (const auto& tag : info.tags) call.io.out.line(cat("Loaded image: ", printable(tag)));
  }
  return 0;
}

int save_verb(invocation& call) {
  std::string target, format = "docker-archive";
  arguments flags{call};
  flags.text("-o,--output", target, "Write to a file, instead of STDOUT")
      .text("--format", format, "Archive format: 'docker-archive' or 'oci-archive'");
  const auto names = flags.parse({1});
  if (format != "docker-archive" && format != "oci-archive")
    throw usage_error{cat("\"", format, "\" is not a valid value for --format"), call.full_name(), {}, 125};
  const auto kind = format == "oci-archive" ? image::archive_format::oci_layout : image::archive_format::docker_archive;
  if (target.empty()) {
    if (call.io.out.is_terminal())
      throw usage_error{
          "cowardly refusing to save to a terminal. Use the -o flag or redirect", call.full_name(), {}, 1};
    image::save(call.store(), names, call.io.out.fd(), kind);
    return 0;
  }
  for (const auto& name : names) (void)image::open(call.store(), name);  // no file for an image that is not there
  saved_file file{target};
  image::save(call.store(), names, file.fd(), kind);
  file.commit();
  return 0;
}

int import_verb(invocation& call) {
  std::string message;
  std::vector<std::string> changes;
  arguments flags{call};
  flags.list("-c,--change", changes, "Apply Dockerfile instruction to the created image")
      .text("-m,--message", message, "Set commit message for imported image")
      .refused("--platform", "an imported image is always of this machine's platform");
  const auto words = flags.parse({1, 2});
  const auto& source = words.front();
  if (source.find("://") != std::string::npos)
    throw usage_error{"this version imports from files and standard input, not from URLs", call.full_name(), {}, 1};
  const auto tag = words.size() == 2 ? std::string_view{words[1]} : std::string_view{};
  const auto import_from = [&](int fd) { return image::from_tar(call.store(), fd, tag, message, changes); };
  if (source == "-") {
    require_piped_input(call, "import");
    call.io.out.line(import_from(0).id());
    return 0;
  }
  const auto tar = open_input(source, "import");
  call.io.out.line(import_from(tar.fd()).id());
  return 0;
}

int tag_verb(invocation& call) {
  arguments flags{call};
  const auto names = flags.parse({2, 2});
  image::open(call.store(), names[0]).tag(names[1]);
  return 0;
}

int remove_image_verb(invocation& call) {
  remove_options options;
  arguments flags{call};
  flags.flag("-f,--force", options.force, "Force removal of the image")
      .flag("--no-prune", options.no_prune, "Do not delete untagged parents");
  const auto names = flags.parse({1});
  return for_each_name(call, names, [&](const std::string& name) {
    removal done;
    try {
      done = image::remove(call.store(), name, options);
    } catch (const error& e) {
      // As with rm -f: what is not there need not be removed, and docker reports it without failing.
      if (!options.force || e.code() != errc::image_not_found) throw;
      report(call, e);
      return;
    }
    for (const auto& tag : done.untagged) call.io.out.line(cat("Untagged: ", printable(tag)));
    for (const auto& id : done.deleted) call.io.out.line(cat("Deleted: ", id));
    call.io.out.flush();
  });
}

}  // namespace contain::cli

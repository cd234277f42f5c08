// What Python objects hold: the library's objects, kept alive in the right order, inert in a forked child, and safe to
// use from several Python threads.
#pragma once
#include <pybind11/pybind11.h>
#include <sys/types.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/engine.hpp"
#include "contain/image.hpp"
#include "contain/process.hpp"
#include "gil.hpp"

namespace contain::python {

/// One object of the library, owned by the process that made it. After os.fork() the child's copy refuses every use and
/// its end does nothing: the containers are the parent's.
template <class T>
class owned {
 public:
  explicit owned(T object) : object_(new T(std::move(object))) {}
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;
  ~owned() {
    // In a forked child the object is left as it is: its destructor would end what the parent still uses.
    if (!here()) return;
    const without_gil released;  // ends containers, closes the store: may take a while
    delete object_;
  }

  [[nodiscard]] bool here() const noexcept { return ::getpid() == made_in_; }
  [[nodiscard]] T& get() const {
    if (!here())
      throw error{errc::invalid, "use", "an object made before os.fork()", "it belongs to the parent process"}
          .with_hint("make a new contain.Engine() in the child, and open containers by name there");
    return *object_;
  }

 private:
  T* object_;
  pid_t made_in_ = ::getpid();
};

/// Log records wait here until a thread that holds the GIL takes them: a logger can then never deadlock with a lock of
/// the library, and may itself call the library.
class log_queue {
 public:
  struct line {
    log_level level;
    std::string component, message;
  };
  void push(const log_record& record);
  std::vector<line> take();

 private:
  std::mutex guard_;
  std::vector<line> lines_;
};

/// A Python object that may lose its last reference on a thread without the GIL.
using shared_object = std::shared_ptr<pybind11::object>;
shared_object share(pybind11::object object);

class engine_handle {
 public:
  /// `logger` is called with each contain.types.LogRecord.
  engine_handle(engine_options options, shared_object logger);

  [[nodiscard]] engine& get() const { return engine_.get(); }
  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  /// Hands the records of the last call to the logger. With the GIL. What the logger throws is reported as unraisable.
  void deliver_log() noexcept;

 private:
  std::shared_ptr<log_queue> log_ = std::make_shared<log_queue>();
  shared_object logger_;
  owned<engine> engine_;
  std::string root_;
};

using engine_ptr = std::shared_ptr<engine_handle>;

/// Delivers the engine's log when a binding ends, however it ends.
class [[nodiscard]] log_delivery {
 public:
  explicit log_delivery(engine_ptr in) noexcept : engine_(std::move(in)) {}
  log_delivery(const log_delivery&) = delete;
  log_delivery& operator=(const log_delivery&) = delete;
  ~log_delivery() { engine_->deliver_log(); }

 private:
  engine_ptr engine_;
};

struct image_handle {
  engine_ptr in;
  std::string id;
  [[nodiscard]] image get() const { return image{in->get(), id}; }
};

class container_handle {
 public:
  container_handle(engine_ptr in, container object)
      : engine_(std::move(in)), id_(object.id()), object_(std::move(object)) {}

  [[nodiscard]] const engine_ptr& in() const noexcept { return engine_; }
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  /// For const members, which any thread may call.
  [[nodiscard]] const container& get() const { return object_.get(); }

  /// For the other members. The library wants one owner at a time; a second thread must still be able to kill() what
  /// the first waits to stop(), so it gets a handle of its own to the same container.
  template <class F>
  auto exclusively(F act) {
    container& mine = object_.get();
    const std::unique_lock lock{guard_, std::try_to_lock};
    if (lock.owns_lock()) return act(mine);
    container another = container::open(engine_->get(), id_);
    return act(another);
  }

 private:
  engine_ptr engine_;
  std::string id_;
  owned<container> object_;
  std::mutex guard_;
};

using container_ptr = std::shared_ptr<container_handle>;

/// A process or an attachment: kept with its container, used by one thread at a time.
template <class T>
class guarded {
 public:
  /// `fd` is readable when there is something to learn from the object; the object keeps it open.
  guarded(container_ptr in, T object, int fd) : container_(std::move(in)), fd_(fd), object_(std::move(object)) {}

  [[nodiscard]] const engine_ptr& in() const noexcept { return container_->in(); }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// Runs `act(T&)` while no other thread does. Only for calls that do not wait: another thread may have to signal.
  template <class F>
  auto with(F act) {
    T& mine = object_.get();
    const std::lock_guard lock{guard_};
    return act(mine);
  }

 private:
  container_ptr container_;
  int fd_;
  owned<T> object_;
  std::mutex guard_;
};

using process_handle = guarded<process>;
using process_ptr = std::shared_ptr<process_handle>;
using attachment_handle = guarded<attachment>;
using attachment_ptr = std::shared_ptr<attachment_handle>;

inline process_ptr handle_of(const container_ptr& in, process object) {
  const int fd = object.wait_fd();
  return std::make_shared<process_handle>(in, std::move(object), fd);
}
inline attachment_ptr handle_of(const container_ptr& in, attachment object) {
  const int fd = object.fd();
  return std::make_shared<attachment_handle>(in, std::move(object), fd);
}

}  // namespace contain::python

// Calls one CNI plugin as a runtime does (exec, environment, standard input) and prints what each call took, as JSON:
// {"add": {"milliseconds": […], "seconds": wall}, "del": {…}, "timings": ["…", …], "failures": ["…", …]}.
// Network namespaces are made before and removed after the clock runs. scripts/bench runs it inside a lab host.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string plugin, conf, folder = "/run/cni-bench", prefix = "bench";
  int count = 50;
  int callers = 1;
  bool timing = false;
  bool without_namespaces = false;
  bool keep = false;
};

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void require(bool good, const std::string& what) {
  if (!good) {
    throw std::runtime_error(what + ": " + std::generic_category().message(errno));
  }
}

// A network namespace with a path, as runtimes make them.
void make_namespace(const std::string& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0600);
  require(file >= 0, "making " + path);
  ::close(file);
  std::thread([&] {
    require(::unshare(CLONE_NEWNET) == 0, "unsharing the network namespace");
    require(::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) == 0, "mounting on " + path);
  }).join();
}

void remove_namespace(const std::string& path) {
  ::umount2(path.c_str(), MNT_DETACH);
  ::unlink(path.c_str());
}

struct Outcome {
  int status = 0;
  std::string output, log;
  double milliseconds = 0;
};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 8192> chunk;
  for (ssize_t size = 0; (size = ::read(fd, chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<std::size_t>(size));
  }
  ::close(fd);
  return text;
}

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)), previous_(count()), took_(count()) {
    std::ifstream file(options_.conf);
    conf_ = Json::parse(file);
    ::mkdir(options_.folder.c_str(), 0700);
    for (std::size_t i = 0; i < count() && !options_.without_namespaces; ++i) {
      make_namespace(path_of(i));
    }
  }
  ~Bench() {
    if (options_.keep) {
      return;
    }
    for (std::size_t i = 0; i < count() && !options_.without_namespaces; ++i) {
      remove_namespace(path_of(i));
    }
    ::rmdir(options_.folder.c_str());
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Json run() {
    Json report;
    report["add"] = phase("ADD");
    if (!options_.keep) {
      report["del"] = phase("DEL");
    }
    report["timings"] = timings_["ADD"];
    report["del_timings"] = timings_["DEL"];
    report["failures"] = failures_;
    return report;
  }

 private:
  std::size_t count() const { return static_cast<std::size_t>(options_.count); }
  std::string id_of(std::size_t i) const { return options_.prefix + "-" + std::to_string(i); }
  std::string path_of(std::size_t i) const { return options_.folder + "/" + id_of(i); }

  Json phase(const std::string& command) {
    std::atomic<std::size_t> next = 0;
    const auto begin = Clock::now();
    std::vector<std::thread> callers;
    for (int c = 0; c < options_.callers; ++c) {
      callers.emplace_back([&] {
        for (std::size_t i = 0; (i = next++) < count();) {
          one(command, i);
        }
      });
    }
    for (std::thread& caller : callers) {
      caller.join();
    }
    return {{"milliseconds", took_}, {"seconds", milliseconds_since(begin) / 1000}};
  }

  void one(const std::string& command, std::size_t i) {
    Json input = conf_;
    if (command == "DEL" && !previous_[i].is_null()) {
      input["prevResult"] = previous_[i];
    }
    const Outcome outcome = call(command, i, input.dump());
    took_[i] = outcome.milliseconds;
    const std::lock_guard lock(mutex_);
    if (outcome.status != 0) {
      failures_.push_back(command + " " + id_of(i) + ": " + outcome.output + outcome.log);
    } else {
      if (command == "ADD") {
        previous_[i] = Json::parse(outcome.output);
      }
      if (options_.timing) {
        timings_[command].push_back(outcome.log);
      }
    }
  }

  // The clock runs from before the spawn until the program has been reaped.
  Outcome call(const std::string& command, std::size_t i, const std::string& input) const {
    std::vector<std::string> variables{
        "CNI_COMMAND=" + command,
        "CNI_CONTAINERID=" + id_of(i),
        "CNI_NETNS=" + path_of(i),
        "CNI_IFNAME=eth0",
        "CNI_PATH=/usr/lib/cni",
        "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=" + id_of(i) + ";K8S_POD_UID=u-" + id_of(i),
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    if (options_.timing) {
      variables.emplace_back("MOORING_TIMING=1");
    }
    std::vector<char*> environment;
    for (std::string& variable : variables) {
      environment.push_back(variable.data());
    }
    environment.push_back(nullptr);
    std::string program = options_.plugin;
    char* arguments[] = {program.data(), nullptr};

    std::array<std::array<int, 2>, 3> pipes{};
    for (auto& pipe : pipes) {
      require(::pipe2(pipe.data(), O_CLOEXEC) == 0, "making a pipe");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[0][0], 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipes[2][1], 2);
    Outcome outcome;
    pid_t pid = 0;
    const auto begin = Clock::now();
    const int failed = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environment.data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipes[0][0]);
    ::close(pipes[1][1]);
    ::close(pipes[2][1]);
    if (failed != 0) {
      throw std::runtime_error("starting " + program + ": " + std::generic_category().message(failed));
    }
    // A pipe holds 64 KiB: a configuration fits.
    require(::write(pipes[0][1], input.data(), input.size()) == static_cast<ssize_t>(input.size()), "writing");
    ::close(pipes[0][1]);
    outcome.output = read_all(pipes[1][0]);
    outcome.log = read_all(pipes[2][0]);
    ::waitpid(pid, &outcome.status, 0);
    outcome.milliseconds = milliseconds_since(begin);
    return outcome;
  }

  Options options_;
  Json conf_;
  std::vector<Json> previous_;
  std::vector<double> took_;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> timings_;  // by command
  std::vector<std::string> failures_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Times ADD and DEL of a CNI plugin");
  app.add_option("--plugin", options.plugin, "the program")->required()->check(CLI::ExistingFile);
  app.add_option("--conf", options.conf, "the network configuration of one plugin, JSON")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--count", options.count, "containers, each added and deleted once")->check(CLI::Range(1, 10000));
  app.add_option("--callers", options.callers, "calls at once")->check(CLI::Range(1, 64));
  app.add_option("--folder", options.folder, "where the namespaces are mounted; made and removed");
  app.add_option("--prefix", options.prefix, "of container ids");
  app.add_flag("--timing", options.timing, "ask the plugin where its time goes (MOORING_TIMING)");
  app.add_flag("--without-namespaces", options.without_namespaces,
               "make none: the plugin (an IPAM plugin) does not enter them");
  app.add_flag("--keep", options.keep, "leave the containers there");
  CLI11_PARSE(app, argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    Bench bench(options);
    std::cout << bench.run().dump() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "cni_bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}

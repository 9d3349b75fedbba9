// The directory on the disk, so that a program that starts while the controller is away knows where everybody is, and
// one that starts with it hears only what changed since.
//
// Format: text, a JSON value a line. First {"mooring_directory":1,"incarnation","revision","digest","ports","objects"};
// then a port a line, as an array [address, VNI, generation, revision, hash, node, network, MAC, state, attachment, is
// it an extra address]; then an object a line, as an object; last {"checksum":"16 hexadecimal digits"}: FNV-1a 64 of
// all bytes before that line. A file of another format number is refused: the stream will send everything.
//
// Errors of reading: Errc::not_found (no file), undecodable (damaged, or not ours; says where), io. Of writing:
// storage. Threading: functions of their arguments; Checkpoint as said there. 100,000 ports are some 12 MB.
#pragma once

#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "mooring/directory/directory.hpp"

namespace mooring::directory {

std::string write_image(const Image& image);
Result<Image> read_image(std::string_view text);
// `body` and the last line that fits it.
std::string with_checksum(std::string body);

// Whole or not at all: under another name, fsynced, renamed.
Result<void> save_checkpoint(const std::string& path, const Image& image);
Result<Image> load_checkpoint(const std::string& path);

// Keeps the file of one directory up to date. What is on the disk may lag by some seconds: the stream tells the rest.
// Threading: the thread that owns the directory; writing itself is done on a thread of the keeper's own.
class Checkpoint {
 public:
  Checkpoint(boost::asio::any_io_executor executor, Directory& directory, std::string path);

  // Before anything else fills the directory. False if there was nothing to restore; why is logged, unless there is no
  // file yet.
  bool restore();
  // Runs until stop(): writes when the directory is complete and its revision has changed.
  boost::asio::awaitable<void> run();
  void stop();

 private:
  Directory& directory_;
  std::string path_;
  boost::asio::steady_timer timer_;
  boost::asio::thread_pool writer_{1};
  bool stopped_ = false;
  Revision saved_ = 0;
  std::string problem_;  // the last one, so that it is told once
};

}  // namespace mooring::directory

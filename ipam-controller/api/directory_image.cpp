#include "ipam-controller/api/directory_image.hpp"

#include <utility>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

// A part of a snapshot goes out as one write of about this size, well below the bound of a line.
constexpr std::size_t block_bytes = std::size_t{128} * 1024;

std::string text_of(const Change& change) {
  return to_json(change).dump(-1, ' ', false, ipam_api::Json::error_handler_t::replace);
}

// The frame from the texts of its entries: the same bytes as ipam_api::write_frame(Changes), without building it again.
class FrameText {
 public:
  explicit FrameText(std::string head) : text_(std::move(head)) {}
  void add(const std::string& entry) {
    text_ += count_++ == 0 ? "" : ",";
    text_ += entry;
  }
  std::size_t count() const { return count_; }
  std::size_t size() const { return text_.size(); }
  std::string finished(const std::string& tail) && { return std::move(text_) + tail; }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

FrameText begin_changes() {
  return FrameText(R"({"changes":[)");
}
std::string end_of_changes(Revision revision) {
  return fmt::format(R"(],"revision":{},"type":"CHANGES"}})", revision) + "\n";
}
FrameText begin_entries() {
  return FrameText(R"({"entries":[)");
}
std::string end_of_entries(ipam_api::Shard shard) {
  return fmt::format(R"(],"shard":{},"type":"ENTRIES"}})", shard) + "\n";
}

// Collects frames into blocks.
class Blocks {
 public:
  void add(std::string frame) {
    pending_ += frame;
    if (pending_.size() >= block_bytes) {
      flush();
    }
  }
  std::vector<Lines> finished() && {
    flush();
    return std::move(blocks_);
  }

 private:
  void flush() {
    if (!pending_.empty()) {
      blocks_.push_back(std::make_shared<const std::string>(std::exchange(pending_, {})));
    }
  }
  std::string pending_;
  std::vector<Lines> blocks_;
};

}  // namespace

void DirectoryImage::load(Revision revision, const std::vector<Change>& entries) {
  for (const Change& entry : entries) {
    put(entry, text_of(entry));
  }
  revision_ = revision;
}

std::string DirectoryImage::apply(const ChangeSet& changes) {
  FrameText frame = begin_changes();
  for (const Change& change : changes.changes) {
    std::string text = text_of(change);
    frame.add(text);
    put(change, std::move(text));
  }
  revision_ = changes.revision;
  return std::move(frame).finished(end_of_changes(changes.revision));
}

void DirectoryImage::put(const Change& change, std::string text) {
  auto& shard = shards_[change.shard];
  const std::string key = change.kind + '\0' + change.key;
  if (const auto former = shard.find(key); former != shard.end()) {
    digests_.remove(change.shard, former->second.digest);
    shard.erase(former);
  }
  if (!change.deleted) {
    const ipam_api::Digest digest = ipam_api::entry_digest(change);
    digests_.add(change.shard, digest);
    shard.emplace(key, Held{std::move(text), digest});
  } else if (shard.empty()) {
    shards_.erase(change.shard);
  }
}

std::shared_ptr<const DirectoryImage::Snapshot> DirectoryImage::snapshot(Revision max_lag) {
  if (auto shared = shared_.lock(); shared && revision_ - shared->revision <= max_lag) {
    return shared;
  }
  Blocks blocks;
  ipam_api::EndOfSnapshots end;
  for (const auto& [shard, entries] : shards_) {
    FrameText frame = begin_entries();
    for (const auto& [key, held] : entries) {
      if (frame.count() == ipam_api::max_entries_a_frame || (frame.count() > 0 && frame.size() >= block_bytes)) {
        blocks.add(std::exchange(frame, begin_entries()).finished(end_of_entries(shard)));
      }
      frame.add(held.text);
    }
    blocks.add(std::move(frame).finished(end_of_entries(shard)));
    const auto sum = digests_.shard(shard);
    blocks.add(ipam_api::write_frame(ipam_api::EndOfSnapshot{shard, revision_, sum.count, sum.digest}));
    end.shards.push_back(shard);
  }
  end.revision = revision_;
  blocks.add(ipam_api::write_frame(end));
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->revision = revision_;
  snapshot->blocks = std::move(blocks).finished();
  shared_ = snapshot;
  return snapshot;
}

}  // namespace mooring::controller

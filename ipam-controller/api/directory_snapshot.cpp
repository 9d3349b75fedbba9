#include "ipam-controller/api/directory_snapshot.hpp"

#include <algorithm>
#include <utility>

#include "ipam-controller/domain/change.hpp"

namespace mooring::controller {
namespace {

// A part goes out as one write of about this size, well below the bound of a line.
constexpr std::size_t part_bytes = std::size_t{128} * 1024;
constexpr std::size_t bytes_a_port = 350;  // about
constexpr std::size_t kept_at_most = std::size_t{64} * 1024 * 1024;

// ENTRIES frames from the texts of entries: the same bytes as ipam_api::write_frame(), without building them again.
class EntriesText {
 public:
  explicit EntriesText(ipam_api::Shard shard) : shard_(shard) {}

  void add(const std::string& entry) {
    if (count_ == ipam_api::max_entries_a_frame || bytes_ + entry.size() > part_bytes) {
      close();
    }
    text_ += count_ == 0 ? R"({"entries":[)" : ",";
    text_ += entry;
    bytes_ += entry.size() + 1;
    ++count_;
  }
  std::string finished() && {
    close();
    return std::move(text_);
  }

 private:
  void close() {
    if (count_ > 0) {
      text_ += R"(],"shard":)" + std::to_string(shard_) + ",\"type\":\"ENTRIES\"}\n";
    }
    count_ = bytes_ = 0;
  }

  ipam_api::Shard shard_;
  std::string text_;
  std::size_t count_ = 0, bytes_ = 0;  // of the frame that is open
};

}  // namespace

DirectorySnapshot::DirectorySnapshot(const State& state, Revision revision, const ipam_api::DigestSums& sums)
    : revision_(revision), ports_(state.ports().none_held()) {
  ports_.reserve(state.ports().size());
  ipam_api::EndOfSnapshots end;
  end.revision = revision;
  for (const auto& [shard, sum] : sums.shards()) {
    EntriesText others(shard);
    for (const Change& entry : state.entries_beside_ports(shard)) {
      others.add(entry.text);
    }
    add({std::move(others).finished(), shard, 0, 0});
    if (const auto vni = net::Vni::from(shard)) {
      std::size_t begin = ports_.size();
      state.ports().each(*vni, [&](const PackedPort& port) {
        ports_.add(port);
        if (ports_.size() - begin == ipam_api::max_entries_a_frame) {
          add({{}, shard, std::exchange(begin, ports_.size()), ports_.size()});
        }
      });
      add({{}, shard, begin, ports_.size()});
    }
    add({ipam_api::write_frame(ipam_api::EndOfSnapshot{shard, revision, sum.count, sum.digest}), shard, 0, 0});
    end.shards.push_back(shard);
  }
  add({ipam_api::write_frame(end), 0, 0, 0});
}

void DirectorySnapshot::add(Piece piece) {
  const std::size_t weight = piece.text.size() + (piece.end - piece.begin) * bytes_a_port;
  if (weight == 0) {
    return;
  }
  if (parts_.empty() || weight_ >= part_bytes) {
    parts_.emplace_back();
    weight_ = 0;
  }
  weight_ += weight;
  parts_.back().pieces.push_back(std::move(piece));
}

Lines DirectorySnapshot::part(std::size_t number) {
  Part& part = parts_[number];
  if (Lines lines = part.kept ? part.kept : part.sent.lock()) {
    return lines;
  }
  std::string text;
  for (const Piece& piece : part.pieces) {
    text += piece.text;
    EntriesText entries(piece.shard);
    for (std::size_t i = piece.begin; i < piece.end; ++i) {
      for (const Change& entry : entries_of(ports_[i])) {
        entries.add(entry.text);
      }
    }
    text += std::move(entries).finished();
  }
  auto lines = std::make_shared<const std::string>(std::move(text));
  part.sent = lines;
  if (kept_bytes_ + lines->size() <= kept_at_most) {
    kept_bytes_ += lines->size();
    part.kept = lines;
  }
  return lines;
}

}  // namespace mooring::controller

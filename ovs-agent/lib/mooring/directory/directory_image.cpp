// Taking the replica out for a checkpoint, and putting it back.
#include "mooring/directory/directory.hpp"

namespace mooring::directory {

std::optional<Image> Directory::image() const {
  if (!complete_) {
    return std::nullopt;
  }
  Image image;
  image.incarnation = incarnation_;
  image.revision = revision_;
  image.digest = sums_.total().digest;
  image.names.assign(names_.all().begin(), names_.all().end());
  image.ports.reserve(table_.size());
  table_.for_each([&image](const PortRecord& record) { image.ports.push_back(record); });
  image.own_attachments = own_attachments_;
  image.objects.reserve(objects_.size());
  for (const auto& [key, record] : objects_) {
    image.objects.push_back(
        {key.shard, key.kind, key.key, record.value, record.revision, record.generation, record.hash});
  }
  return image;
}

bool Directory::restore(const Image& image) {
  ipam_api::DigestSums sums;
  for (const PortRecord& record : image.ports) {
    if (record.node >= image.names.size() || record.network >= image.names.size()) {
      return false;
    }
    sums.add(record.key.vni.value(), record.hash);
  }
  for (const Image::Object& object : image.objects) {
    sums.add(object.shard, object.hash);
  }
  if (sums.total().digest != image.digest || image.incarnation.empty()) {
    return false;
  }
  begin_snapshot(image.incarnation, false);
  for (PortRecord record : image.ports) {
    record.node = names_.number_of(image.names[record.node]);
    record.network = names_.number_of(image.names[record.network]);
    record.epoch = epoch_;
    const auto attachment = image.own_attachments.find(record.key);
    apply_port(record, attachment == image.own_attachments.end() ? std::string_view{} : attachment->second);
  }
  for (const Image::Object& object : image.objects) {
    ipam_api::Entry entry;
    entry.kind = object.kind;
    entry.shard = object.shard;
    entry.key = object.key;
    entry.revision = object.revision;
    entry.generation = object.generation;
    entry.value = ipam_api::Json::parse(object.value, nullptr, false);
    if (entry.value.is_discarded()) {
      entry.value = nullptr;
    }
    put_object(entry, object.hash);
  }
  end_of_snapshots(image.revision, {});
  return true;
}

}  // namespace mooring::directory

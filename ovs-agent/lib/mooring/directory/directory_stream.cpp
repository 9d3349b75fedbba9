// The stream's side of the directory: entries, tombstones, snapshots.
#include <algorithm>
#include <iterator>

#include "mooring/directory/directory.hpp"
#include "mooring/directory/entry_values.hpp"

namespace mooring::directory {
namespace {

namespace kind = ipam_api::entry_kind;

bool is_port(std::string_view named) {
  return named == kind::port || named == kind::port6 || named == kind::extra;
}

}  // namespace

void Directory::begin_snapshot(std::string_view incarnation, bool overrule) {
  ++epoch_;
  if (overrule || incarnation != incarnation_) {
    overruling_epoch_ = epoch_;
  }
  if (!incarnation_.empty() && incarnation != incarnation_) {
    incarnation_epoch_ = epoch_;
  }
  incarnation_ = incarnation;
  changes_.completeness = changes_.completeness || complete_;
  complete_ = false;
  whole_at_.clear();
  seen_in_snapshot_ = 0;
  buried_ports_.clear();
  buried_objects_.clear();
  stale_.clear();
  for (const auto& [shard, sum] : sums_.shards()) {
    stale_[shard] = sum.count;
  }
}

// The snapshot under way (or what came after it) has named an entry that was there before.
void Directory::renewed(ipam_api::Shard shard, std::uint32_t& epoch) {
  if (epoch != epoch_ && !complete_) {
    --stale_[shard];
  }
  epoch = epoch_;
}

void Directory::apply(const ipam_api::Entry& entry) {
  if (!is_port(entry.kind)) {
    apply_object(entry);
    return;
  }
  const auto key = port_key_from(entry);
  if (!key) {
    apply_object(entry);
    return;
  }
  if (entry.deleted) {
    bury_port(*key, entry.generation, entry.kind == kind::extra);
    const auto unreadable = objects_.find(ObjectKey{entry.shard, entry.kind, entry.key});
    if (unreadable != objects_.end() && unreadable->second.generation <= entry.generation) {
      erase_object(unreadable);
    }
    return;
  }
  const auto value = port_value_from(entry);
  if (!value) {
    // Where it lives now cannot be read, and where it lived is wrong: no location is better than that one.
    bury_port(*key, entry.generation, entry.kind == kind::extra);
    apply_object(entry);
    return;
  }
  PortRecord record;
  record.key = *key;
  record.generation = entry.generation;
  record.revision = entry.revision;
  record.hash = ipam_api::entry_digest(entry);
  record.node = names_.number_of(value->node);
  record.network = names_.number_of(value->network);
  record.epoch = epoch_;
  record.mac = value->mac.octets();
  record.state = value->state;
  record.extra = entry.kind == kind::extra;
  apply_port(record, value->attachment);
}

void Directory::apply_port(const PortRecord& record, std::string_view attachment) {
  const ipam_api::Shard shard = record.key.vni.value();
  if (const auto buried = buried_ports_.find(record.key);
      buried != buried_ports_.end() && record.generation <= buried->second) {
    ++counters_.ignored_older;
    return;
  }
  if (const PortRecord* held = table_.find(record.key)) {
    const bool older = record.generation < held->generation ||
                       (record.generation == held->generation && record.revision < held->revision);
    if (older && !overruled(held->epoch)) {
      ++counters_.ignored_older;
      PortRecord named = *held;
      renewed(shard, named.epoch);
      table_.put(named);
      return;
    }
    std::uint32_t epoch = held->epoch;
    renewed(shard, epoch);
    sums_.remove(shard, held->hash);
  }
  if (const auto own = overlay_.find(record.key);
      own != overlay_.end() && record.generation >= own->second.record.generation) {
    overlay_.erase(own);
  }
  table_.put(record);
  sums_.add(shard, record.hash);
  set_owner(record, attachment);
  changed_ports_.insert(record.key);
  // One that could not be read before is now.
  const bool v4 = record.key.address.is_v4();
  const ObjectKey same{shard,
                       std::string(record.extra ? kind::extra
                                   : v4         ? kind::port
                                                : kind::port6),
                       record.key.address.str() + (v4 ? "/32" : "/128")};
  if (const auto unreadable = objects_.find(same); unreadable != objects_.end()) {
    erase_object(unreadable);
  }
}

void Directory::set_owner(const PortRecord& record, std::string_view attachment) {
  forget_owner(record.key);
  if (!own_node_.empty() && record.node == own_node_id_) {
    own_attachments_[record.key] = attachment;
    changes_.left.erase(record.key);
    if (record.extra) {
      own_extras_[std::string(attachment)].insert(record.key);
    }
  }
}

void Directory::forget_owner(PortKey key) {
  const auto owner = own_attachments_.find(key);
  if (owner == own_attachments_.end()) {
    return;
  }
  if (const auto extras = own_extras_.find(owner->second); extras != own_extras_.end()) {
    extras->second.erase(key);
    if (extras->second.empty()) {
      own_extras_.erase(extras);
    }
  }
  own_attachments_.erase(owner);
  changes_.left.insert(key);
}

void Directory::bury_port(PortKey key, Generation generation, bool extra) {
  if (!complete_) {
    Generation& buried = buried_ports_[key];
    buried = std::max(buried, generation);
  }
  if (const auto own = overlay_.find(key);
      !extra && own != overlay_.end() && generation >= own->second.record.generation) {
    overlay_.erase(own);
    changed_ports_.insert(key);
  }
  const PortRecord* held = table_.find(key);
  if (held == nullptr || held->extra != extra) {
    return;
  }
  if (generation < held->generation && !overruled(held->epoch)) {
    ++counters_.ignored_older;
    return;
  }
  erase_port(*held);
}

void Directory::erase_port(const PortRecord& record) {
  const PortKey key = record.key;
  std::uint32_t epoch = record.epoch;
  renewed(key.vni.value(), epoch);
  sums_.remove(key.vni.value(), record.hash);
  table_.erase(key);
  forget_owner(key);
  changed_ports_.insert(key);
}

// Everything that is not a readable port: of each name the highest revision wins.
void Directory::apply_object(const ipam_api::Entry& entry) {
  const ObjectKey key{entry.shard, entry.kind, entry.key};
  const auto held = objects_.find(key);
  const auto buried = buried_objects_.find(key);
  const bool below_tombstone = buried != buried_objects_.end() && entry.revision <= buried->second;
  const bool below_held =
      held != objects_.end() && entry.revision < held->second.revision && !overruled(held->second.epoch);
  if (below_tombstone || below_held) {
    ++counters_.ignored_older;
    if (held != objects_.end()) {
      renewed(entry.shard, held->second.epoch);
    }
    return;
  }
  if (entry.deleted) {
    if (!complete_) {
      buried_objects_[key] = entry.revision;
    }
    if (held != objects_.end()) {
      erase_object(held);
    }
    return;
  }
  if (held != objects_.end()) {
    renewed(entry.shard, held->second.epoch);
    sums_.remove(entry.shard, held->second.hash);
  }
  put_object(entry, ipam_api::entry_digest(entry));
}

void Directory::put_object(const ipam_api::Entry& entry, std::uint64_t hash) {
  const ObjectKey key{entry.shard, entry.kind, entry.key};
  ObjectRecord record;
  record.revision = entry.revision;
  record.generation = entry.generation;
  record.hash = hash;
  record.epoch = epoch_;
  record.value = entry.value.dump(-1, ' ', false, ipam_api::Json::error_handler_t::replace);
  sums_.add(entry.shard, record.hash);
  objects_[key] = std::move(record);
  if (!read_value(entry)) {
    ++counters_.malformed;
    drop_value(key);
  }
  note(key);
}

void Directory::erase_object(std::map<ObjectKey, ObjectRecord>::iterator object) {
  const ObjectKey key = object->first;
  renewed(key.shard, object->second.epoch);
  sums_.remove(key.shard, object->second.hash);
  objects_.erase(object);
  drop_value(key);
  note(key);
}

void Directory::count_vtep(std::string_view named, const std::string& key, bool comes) {
  std::optional<net::Ipv4Address> vtep;
  if (const auto node = nodes_.find(key); named == kind::node && node != nodes_.end()) {
    vtep = node->second.vtep;
  } else if (const auto gateway = gateways_.find(key); named == kind::gateway && gateway != gateways_.end()) {
    vtep = gateway->second.vtep;
  }
  if (vtep && comes) {
    ++vteps_[*vtep];
  } else if (vtep && --vteps_[*vtep] == 0) {
    vteps_.erase(*vtep);
  }
}

// False: this version cannot read the value. Kinds that it does not know have none for it.
bool Directory::read_value(const ipam_api::Entry& entry) {
  const auto take = [this, &entry](auto& values, auto value) {
    if (value) {
      count_vtep(entry.kind, entry.key, false);
      values.insert_or_assign(entry.key, *value);
      count_vtep(entry.kind, entry.key, true);
    }
    return value.has_value();
  };
  if (entry.kind == kind::network) {
    return take(networks_, network_from(entry));
  }
  if (entry.kind == kind::subnet) {
    return take(subnets_[0], subnet_from(entry, net::Family::v4));
  }
  if (entry.kind == kind::subnet6) {
    return take(subnets_[1], subnet_from(entry, net::Family::v6));
  }
  if (entry.kind == kind::pool) {
    return take(pools_[0], pool_from(entry, net::Family::v4));
  }
  if (entry.kind == kind::pool6) {
    return take(pools_[1], pool_from(entry, net::Family::v6));
  }
  if (entry.kind == kind::node) {
    return take(nodes_, node_from(entry));
  }
  if (entry.kind == kind::gateway) {
    return take(gateways_, gateway_from(entry));
  }
  if (entry.kind == kind::vip) {
    auto vip = vip_from(entry);
    if (vip) {
      put_vip(std::move(*vip));
    }
    return vip.has_value();
  }
  if (entry.kind == kind::block) {
    const auto block = block_from(entry);
    if (block) {
      blocks_.insert_or_assign(PortKey{block->vni, block->range.first}, *block);
    }
    return block.has_value();
  }
  if (entry.kind == kind::access_rule) {
    return take(access_rules_, access_rule_from(entry));
  }
  if (entry.kind == kind::listed) {
    const auto listed = listed_from(entry.key);
    if (listed) {
      listed_[listed->list].insert(listed->block);
    }
    return listed.has_value();
  }
  return !is_port(entry.kind);  // apply() has tried
}

void Directory::drop_value(const ObjectKey& object) {
  count_vtep(object.kind, object.key, false);
  if (object.kind == kind::network) {
    networks_.erase(object.key);
  } else if (object.kind == kind::subnet) {
    subnets_[0].erase(object.key);
  } else if (object.kind == kind::subnet6) {
    subnets_[1].erase(object.key);
  } else if (object.kind == kind::pool) {
    pools_[0].erase(object.key);
  } else if (object.kind == kind::pool6) {
    pools_[1].erase(object.key);
  } else if (object.kind == kind::node) {
    nodes_.erase(object.key);
  } else if (object.kind == kind::gateway) {
    gateways_.erase(object.key);
  } else if (object.kind == kind::access_rule) {
    access_rules_.erase(object.key);
  } else if (object.kind == kind::listed) {
    const auto listed = listed_from(object.key);
    const auto list = listed ? listed_.find(listed->list) : listed_.end();
    if (list != listed_.end() && list->second.erase(listed->block) != 0 && list->second.empty()) {
      listed_.erase(list);
    }
  } else if (object.kind == kind::vip) {
    drop_vip(object.key);
  } else if (object.kind == kind::block) {
    const auto vni = net::Vni::from(object.shard);
    const auto range = net::IpRange::parse(object.key);
    if (vni && range) {
      blocks_.erase(PortKey{*vni, range->first});
    }
  }
}

void Directory::note(const ObjectKey& object) {
  if (object.kind == kind::node) {
    changes_.nodes.insert(object.key);
  } else if (object.kind == kind::gateway) {
    changes_.gateways.insert(object.key);
  } else if (object.kind == kind::vip) {
    changes_.vips.insert(object.key);
  } else if (object.kind == kind::network || object.kind == kind::subnet || object.kind == kind::subnet6 ||
             object.kind == kind::pool || object.kind == kind::pool6) {
    changes_.layout = true;
  } else if (object.kind == kind::block) {
    changes_.blocks = true;
  } else if (object.kind == kind::access_rule || object.kind == kind::listed) {
    changes_.access = true;
  }
}

void Directory::end_of_snapshot(ipam_api::Shard shard, Revision revision) {
  // What is newer than the snapshot is not judged by it, unless the snapshot overrules.
  const auto gone = [&](std::uint32_t epoch, Revision written) {
    return epoch != epoch_ && (written <= revision || overruled(epoch));
  };
  if (stale_[shard] != 0) {
    std::vector<PortRecord> ports;
    table_.for_each([&](const PortRecord& record) {
      if (record.key.vni.value() == shard && gone(record.epoch, record.revision)) {
        ports.push_back(record);
      }
    });
    for (const PortRecord& record : ports) {
      erase_port(record);
    }
    counters_.snapshot_removed += ports.size();
    for (auto object = objects_.lower_bound(ObjectKey{shard, {}, {}});
         object != objects_.end() && object->first.shard == shard;) {
      const auto next = std::next(object);
      if (gone(object->second.epoch, object->second.revision)) {
        erase_object(object);
        ++counters_.snapshot_removed;
      }
      object = next;
    }
  }
  whole_at_[shard] = revision;
  changes_.completeness = true;
  settle_overlay(shard, revision);
}

void Directory::end_of_snapshots(Revision revision, const std::vector<ipam_api::Shard>& shards) {
  const std::set<ipam_api::Shard> named(shards.begin(), shards.end());
  std::vector<ipam_api::Shard> empty;
  for (const auto& [shard, count] : stale_) {
    if (!named.contains(shard) && !whole_at_.contains(shard)) {
      empty.push_back(shard);
    }
  }
  for (const ipam_api::Shard shard : empty) {
    end_of_snapshot(shard, revision);
  }
  // Own ports that another incarnation's controller answered mean nothing in this one.
  for (auto own = overlay_.begin(); own != overlay_.end();) {
    if (own->second.epoch < incarnation_epoch_) {
      changed_ports_.insert(own->first);
      own = overlay_.erase(own);
    } else {
      ++own;
    }
  }
  complete_ = true;
  revision_ = std::max(revision, seen_in_snapshot_);
  changes_.completeness = true;
  stale_.clear();
  whole_at_.clear();
  buried_ports_.clear();
  buried_objects_.clear();
  settle_overlay(std::nullopt, revision_);
}

void Directory::advance(Revision revision) {
  if (!complete_) {
    seen_in_snapshot_ = std::max(seen_in_snapshot_, revision);
    return;
  }
  if (revision > revision_) {
    revision_ = revision;
    settle_overlay(std::nullopt, revision);
  }
}

}  // namespace mooring::directory

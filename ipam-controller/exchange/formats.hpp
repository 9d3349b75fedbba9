// The foreign forms (docs/howto/import.md). Each reads the whole of its files and never stops at the first bad line.
//
// Source: the programs' own files and exports: host-local of the CNI plugins 1.1, Kea 2.2 (columns of 2.4 and later are
// known), Whereabouts' IPPool v1alpha1, the IP address tables of NetBox 3 and 4 and of phpIPAM 1.4 to 1.7.
// Threading: pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ipam-controller/exchange/reading.hpp"
#include "ipam-controller/exchange/text_file.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::exchange {

// Our own: what `mooringctl export bindings -o csv` writes. One binding a row.
void read_bindings_csv(const TextFile& file, Reading& reading);
// The columns of that, and a row of it.
std::vector<std::string> binding_columns();
std::vector<std::string> binding_cells(const ImportItem& item);

// {"items": [...]}, the API's shape, as JSON or YAML.
void read_items(const TextFile& file, Reading& reading);

// kubectl get ippools.whereabouts.cni.cncf.io -A -o yaml (or json).
void read_whereabouts(const TextFile& file, Reading& reading);

// A pod sandbox of `crictl pods -o json`.
struct Sandbox {
  std::string namespace_, name;
  bool ready = false;
};
using Sandboxes = std::map<std::string, Sandbox>;  // by id
Result<Sandboxes> sandboxes_in(const TextFile& file);

// One of host-local's files: its folder is the network's name, its name an address, its text the attachment.
void read_host_local(const std::string& network, const TextFile& file, const Sandboxes& sandboxes, Reading& reading);

// Kea's lease files of one family, in the order in which Kea reads them: a later line replaces an earlier one.
void read_kea(const std::vector<TextFile>& files, Reading& reading);
// Those that stand beside FILE and come before it, and FILE: FILE.completed, else FILE.2 and FILE.1.
std::vector<std::string> kea_files(const std::string& path, bool (*there)(const std::string&));

void read_netbox(const TextFile& file, Reading& reading);
void read_phpipam(const TextFile& file, Reading& reading);

}  // namespace mooring::exchange

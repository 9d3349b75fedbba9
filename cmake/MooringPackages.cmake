# Debian packages, one a component: `cpack --preset deb` (README). What is installed where: docs/howto/install.md.
# mooring_package(NAME UNIT unit [STATE folder] [BEFORE_REMOVAL command] [CONFFILES path...] [DEPENDS text] DESCRIPTION text)
# The Debian package mooring-NAME: what has the install component NAME. Its maintainer scripts tell systemd of UNIT; a purge
# removes STATE.
set(CPACK_COMPONENTS_ALL "")
function(mooring_package name)
  cmake_parse_arguments(arg "" "UNIT;STATE;BEFORE_REMOVAL;DEPENDS;DESCRIPTION" "CONFFILES" ${ARGN})
  string(TOUPPER "${name}" upper)
  set(folder "${CMAKE_BINARY_DIR}/packaging/${name}")
  set(control "")
  if(arg_CONFFILES)
    list(JOIN arg_CONFFILES "\n" conffiles)
    file(WRITE "${folder}/conffiles" "${conffiles}\n")
    list(APPEND control "${folder}/conffiles")
  endif()
  if(arg_UNIT)
    set(UNIT "${arg_UNIT}")
    set(STATE "${arg_STATE}")
    set(BEFORE_REMOVAL "${arg_BEFORE_REMOVAL}")
    foreach(script postinst prerm postrm)
      configure_file("${PROJECT_SOURCE_DIR}/cmake/packaging/${script}" "${folder}/${script}" @ONLY)
      file(CHMOD "${folder}/${script}"
        PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
      list(APPEND control "${folder}/${script}")
    endforeach()
  endif()
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME "mooring-${name}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${control}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${arg_DEPENDS}" PARENT_SCOPE)
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${arg_DESCRIPTION}" PARENT_SCOPE)
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${name} PARENT_SCOPE)
endfunction()

mooring_package(controller
  UNIT mooring-controller.service STATE /var/lib/mooring/controller
  CONFFILES /etc/mooring/controller.conf
  DESCRIPTION "IP controller of Mooring: gives containers fixed or pooled overlay addresses
 Networks, subnets, pools, bindings and ports, durable in SQLite; REST and watch streams for agents and gateways.")
install(TARGETS mooring-controller DESTINATION sbin COMPONENT controller)
install(FILES ipam-controller/packaging/mooring-controller.service DESTINATION /lib/systemd/system COMPONENT controller)
install(FILES ipam-controller/packaging/controller.conf DESTINATION /etc/mooring COMPONENT controller)

mooring_package(ctl
  DESCRIPTION "mooringctl: everything that an admin of Mooring does
 Pools, bindings, who had which address when, imports, plans, backups.")
install(TARGETS mooringctl DESTINATION bin COMPONENT ctl)
# Completion is the program's own word: made from it, so that it cannot lag behind.
add_custom_command(OUTPUT "${CMAKE_BINARY_DIR}/packaging/mooringctl.bash"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${CMAKE_BINARY_DIR}/packaging"
  COMMAND mooringctl completion bash > "${CMAKE_BINARY_DIR}/packaging/mooringctl.bash"
  DEPENDS mooringctl VERBATIM)
add_custom_target(mooringctl-completion ALL DEPENDS "${CMAKE_BINARY_DIR}/packaging/mooringctl.bash")
add_dependencies(programs mooringctl-completion)
install(FILES "${CMAKE_BINARY_DIR}/packaging/mooringctl.bash" DESTINATION share/bash-completion/completions
  RENAME mooringctl COMPONENT ctl)

mooring_package(agent
  UNIT mooring-agent.service STATE /var/lib/mooring/agent
  CONFFILES /etc/mooring/agent.conf DEPENDS "openvswitch-switch (>= 3.1)"
  DESCRIPTION "Mooring's agent: programs Open vSwitch on a node
 Bridges, tunnels and flows of the overlay, and the ports of the node's containers.")
install(TARGETS mooring-agent DESTINATION sbin COMPONENT agent)
install(FILES ovs-agent/packaging/mooring-agent.service DESTINATION /lib/systemd/system COMPONENT agent)
install(FILES ovs-agent/packaging/mooring-replay.service DESTINATION /lib/systemd/system COMPONENT agent)
install(FILES ovs-agent/packaging/vswitchd-wants-replay.conf DESTINATION /lib/systemd/system/ovs-vswitchd.service.d
  RENAME mooring.conf COMPONENT agent)
install(FILES ovs-agent/packaging/agent.conf DESTINATION /etc/mooring COMPONENT agent)

mooring_package(cni
  UNIT mooring-cni.service BEFORE_REMOVAL "mooring-cni uninstall --force"
  CONFFILES /etc/mooring/10-mooring.conflist DEPENDS "mooring-agent"
  DESCRIPTION "Mooring's CNI plugin, for kubelet, containerd, podman and CRI-O
 A static program, and mooring-cni, which puts it where container runtimes look.")
install(TARGETS mooring DESTINATION lib/mooring/cni COMPONENT cni)
install(PROGRAMS "$<TARGET_FILE_DIR:mooring>/mooring-ipam" DESTINATION lib/mooring/cni COMPONENT cni)  # a link to it
install(TARGETS mooring-cni DESTINATION sbin COMPONENT cni)
install(FILES cni-plugin/packaging/mooring-cni.service DESTINATION /lib/systemd/system COMPONENT cni)
install(FILES cni-plugin/packaging/10-mooring.conflist DESTINATION /etc/mooring COMPONENT cni)

mooring_package(gateway
  UNIT mooring-gateway.service STATE /var/lib/mooring/gateway
  BEFORE_REMOVAL "[ ! -d /run/systemd/system ] || systemctl disable --now mooring-vrrp.service"
  CONFFILES /etc/mooring/gateway.conf DEPENDS "openvswitch-switch (>= 3.1)"
  DESCRIPTION "Mooring's gateway: joins the overlay and the physical network
 Takes packets out of VXLAN and routes them, and the reverse, without NAT.")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_SUGGESTS "frr, keepalived")
install(TARGETS mooring-gateway DESTINATION sbin COMPONENT gateway)
install(FILES overlay-gateway/packaging/mooring-vrrp.service DESTINATION /lib/systemd/system COMPONENT gateway)
install(FILES overlay-gateway/packaging/mooring-gateway.service DESTINATION /lib/systemd/system COMPONENT gateway)
install(FILES overlay-gateway/packaging/gateway.conf DESTINATION /etc/mooring COMPONENT gateway)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mooring)
set(CPACK_PACKAGE_VENDOR Mooring)
set(CPACK_PACKAGE_CONTACT "Mooring <mooring@localhost>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_BINARY_DIR}/packages")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# What ninja has built is packaged; cpack does not build a second time.
set(CPACK_CMAKE_GENERATOR Ninja)
include(CPack)

// Calls CNI plugins through libcni, as container runtimes written in Go do, with its cache of results.
//
//	libcni_caller COMMAND CONFLIST CONTAINER-ID NETNS IFNAME CACHE-FOLDER PLUGIN-FOLDER [ARGS [RUNTIME-CONFIG]]
//
// COMMAND is ADD, CHECK or DEL; ARGS is "K=V;K=V", RUNTIME-CONFIG a JSON object. Prints the result of an ADD as JSON in the
// configuration's version; an error goes to standard error, with exit status 1.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

func call(argv []string) error {
	if len(argv) < 7 {
		return fmt.Errorf("usage: COMMAND CONFLIST CONTAINER-ID NETNS IFNAME CACHE-FOLDER PLUGIN-FOLDER [ARGS [RUNTIME-CONFIG]]")
	}
	conflist, err := libcni.ConfListFromFile(argv[1])
	if err != nil {
		return err
	}
	runtime := &libcni.RuntimeConf{ContainerID: argv[2], NetNS: argv[3], IfName: argv[4]}
	if len(argv) > 7 && argv[7] != "" {
		for _, pair := range strings.Split(argv[7], ";") {
			key, value, _ := strings.Cut(pair, "=")
			runtime.Args = append(runtime.Args, [2]string{key, value})
		}
	}
	if len(argv) > 8 {
		if err := json.Unmarshal([]byte(argv[8]), &runtime.CapabilityArgs); err != nil {
			return err
		}
	}
	cni := libcni.NewCNIConfigWithCacheDir([]string{argv[6]}, argv[5], nil)
	ctx := context.Background()
	switch argv[0] {
	case "ADD":
		result, err := cni.AddNetworkList(ctx, conflist, runtime)
		if err != nil {
			return err
		}
		return result.PrintTo(os.Stdout)
	case "CHECK":
		return cni.CheckNetworkList(ctx, conflist, runtime)
	case "DEL":
		return cni.DelNetworkList(ctx, conflist, runtime)
	}
	return fmt.Errorf("%s is no command", argv[0])
}

func main() {
	if err := call(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

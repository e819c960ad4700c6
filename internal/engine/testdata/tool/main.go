// Command tool is the one program in the image of the engine's tests.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	switch os.Args[1] {
	case "wait": // until it is told to end
		fmt.Println("ready")
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
		<-told
	case "echo":
		fmt.Println(os.Args[2])
	case "both":
		fmt.Fprintln(os.Stdout, "out")
		fmt.Fprintln(os.Stderr, "err")
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "env":
		fmt.Println(os.Getenv(os.Args[2]))
	case "stat":
		info, err := os.Stat(os.Args[2])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Println(owner.Uid, owner.Gid, info.Mode())
	case "dial": // as docker system dial-stdio does
		dial(os.Args[2])
	case "exit":
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	}
}

func dial(socket string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _, _ = io.Copy(conn, os.Stdin) }()
	_, _ = io.Copy(os.Stdout, conn)
}

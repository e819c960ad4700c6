package agentserver

import (
	"slices"
	"strconv"
	"strings"
)

// DesktopSource is where a desktop link's page comes from.
type DesktopSource string

// The sources, in the order they are tried: what answers RFB already, the server's own, the image's programs started by berth.
const (
	DesktopRunning DesktopSource = "running"
	DesktopAPI     DesktopSource = "api"
	DesktopStarted DesktopSource = "started"
)

// DesktopOrder is the order in which the sources are tried; the first whose proof (RFBBanner over the WebSocket) comes is the link.
var DesktopOrder = []DesktopSource{DesktopRunning, DesktopAPI, DesktopStarted}

// What a desktop link is made of and proven by.
const (
	VNCPage       = "/vnc.html?autoconnect=1&resize=remote" // noVNC's page, below the link's address
	RFBSocket     = "/websockify"                           // the WebSocket below the same address
	RFBBanner     = "RFB 003."                              // its first bytes, if an X server really answers
	NoDesktop     = "no desktop in this image"              // the link's text where no source works
	NoDesktopHint = "choose an image with one: --image workbench"
)

// DesktopPrograms are the paths DesktopCommand asks for.
var DesktopPrograms = slices.Concat([]string{desktopScript}, xServers, bridges)

const desktopScript = "/usr/local/bin/desktop"

var (
	xServers = []string{"/usr/bin/Xtigervnc", "/usr/bin/Xvnc", "/usr/local/bin/Xvnc"}
	bridges  = []string{"/usr/local/bin/websockify", "/usr/bin/websockify", "/usr/share/novnc/utils/novnc_proxy"}
)

// DesktopCommand gives the command and variables that start an image's own desktop, to be run by exec as the sandbox user, detached; nil if the image has none.
// The image's script /usr/local/bin/desktop is told by NOVNC_HOST and NOVNC_PORT where to listen.
func DesktopCommand(exists func(path string) bool, published bool) (command, env []string) {
	port := strconv.Itoa(int(VNCPort))
	env = []string{"DISPLAY=:1", "NOVNC_HOST=" + listenHost(published), "NOVNC_PORT=" + port}
	if exists(desktopScript) {
		return []string{desktopScript}, env
	}
	x, bridge := first(xServers, exists), first(bridges, exists)
	if x == "" || bridge == "" {
		return nil, nil
	}
	rfb := strconv.Itoa(int(RFBPort))
	listen := `--web /usr/share/novnc "$NOVNC_HOST:$NOVNC_PORT" 127.0.0.1:` + rfb
	if strings.HasSuffix(bridge, "novnc_proxy") {
		listen = `--listen "$NOVNC_HOST:$NOVNC_PORT" --vnc 127.0.0.1:` + rfb
	}
	script := x + ` :1 -rfbport ` + rfb + ` -localhost=1 -SecurityTypes None -AlwaysShared -geometry "${VNC_GEOMETRY:-1280x800}" -depth 24 -nolisten tcp & exec ` + bridge + " " + listen
	return []string{"/bin/sh", "-c", script}, env
}

func first(paths []string, exists func(string) bool) string {
	if i := slices.IndexFunc(paths, exists); i >= 0 {
		return paths[i]
	}
	return ""
}

package commands

// table holds every command. The shell's own ([, echo, false, printf, pwd, test, true) are not here: the program runs them through the shell.
var table = map[string]Command{
	"basename": basename, "base64": base64Command, "cat": cat, "chmod": chmod, "cmp": cmpCommand, "cp": cp, "cut": cut,
	"date": date, "df": df, "dirname": dirname, "du": du, "env": env, "find": find, "grep": grep, "gzip": gzipCommand,
	"head": head, "hostname": hostname, "id": id, "kill": kill, "ln": ln, "ls": ls, "mkdir": mkdir, "mktemp": mktemp,
	"mv": mv, "printenv": printenv, "ps": ps, "readlink": readlink, "rm": rm, "rmdir": rmdir, "sed": sed, "seq": seq,
	"sha256sum": sha256sum, "sleep": sleep, "sort": sortCommand, "stat": stat, "tail": tail, "tar": tarCommand,
	"tee": tee, "touch": touch, "tr": tr, "uname": uname, "uniq": uniq, "wc": wc, "which": which, "whoami": whoami,
	"xargs": xargs,
}

package hardening

// syscalls is what an ordinary program needs and every filter of ours allows, by what it is for. Names follow Linux on
// amd64 and arm64; an engine ignores those that its kernel or libseccomp does not know yet. What stands nowhere here is
// refused with EPERM.
var syscalls = []struct{ what, names string }{
	{"open, read and write files", `
		close close_range copy_file_range creat dup dup2 dup3 fadvise64 fallocate fcntl fdatasync flock fsync ftruncate
		io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioctl lseek open openat openat2 pread64 preadv
		preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile splice sync sync_file_range syncfs tee truncate
		write writev`},
	{"name, link and describe files", `
		access chdir chmod chown faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchownat fstat fstatfs
		futimesat getcwd getdents getdents64 lchown link linkat listmount lstat mkdir mkdirat newfstatat readlink
		readlinkat rename renameat renameat2 rmdir stat statfs statmount statx symlink symlinkat umask unlink unlinkat
		utime utimensat utimes`},
	{"attributes of files", `
		fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
		lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat`},
	{"wait for files", `
		epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
		eventfd2 inotify_add_watch inotify_init inotify_init1 inotify_rm_watch poll ppoll pselect6 select signalfd
		signalfd4`},
	{"pipes and sockets", `
		accept accept4 bind connect getpeername getsockname getsockopt listen pipe pipe2 recvfrom recvmmsg recvmsg
		sendmmsg sendmsg sendto setsockopt shutdown socketpair`},
	{"processes and threads", `
		arch_prctl execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake
		get_robust_list get_thread_area getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid gettid
		ioprio_get ioprio_set pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease rseq sched_get_priority_max
		sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
		sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list set_thread_area
		set_tid_address setpgid setpriority setrlimit setsid uretprobe vfork wait4 waitid`},
	{"users and groups", `
		getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid setregid setresgid setresuid
		setreuid setuid`},
	{"give rights away", `
		capget capset landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp`},
	{"signals", `
		kill pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
		rt_sigtimedwait rt_tgsigqueueinfo sigaltstack tgkill tkill`},
	{"memory", `
		brk cachestat madvise map_shadow_stack membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap
		mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect`},
	{"messages, semaphores, shared memory", `
		mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget
		semop semtimedop shmat shmctl shmdt shmget`},
	{"time", `
		adjtimex alarm clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep
		setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create
		timerfd_gettime timerfd_settime times`},
	{"the system", `getcpu getrandom sysinfo uname`},
}

// untilStrict is allowed by compat and base; ordinary programs do not miss it.
const untilStrict = `fanotify_mark memfd_secret modify_ldt name_to_handle_at remap_file_pages vmsplice`

// untilParanoid is allowed by all but paranoid: debuggers, named pipes, and changing groups.
const untilParanoid = `mknod mknodat process_vm_readv process_vm_writev ptrace setgroups`

// forUserNamespaces is what a browser's own sandbox needs; only the filter userns allows it.
const forUserNamespaces = `chroot clone clone3 setns unshare`

// in32Bit are the names that only 32-bit programs use; only compat lets those run.
const in32Bit = `
	_llseek _newselect arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush chown32 clock_adjtime64
	clock_getres_time64 clock_gettime64 clock_nanosleep_time64 fadvise64_64 fchown32 fcntl64 fstat64 fstatat64 fstatfs64
	ftruncate64 futex_time64 getegid32 geteuid32 getgid32 getgroups32 getresgid32 getresuid32 getuid32
	io_pgetevents_time64 ipc lchown32 lstat64 mmap2 mq_timedreceive_time64 mq_timedsend_time64 ppoll_time64
	pselect6_time64 recv recvmmsg_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64 semtimedop_time64 send
	sendfile64 set_tls setfsgid32 setfsuid32 setgid32 setgroups32 setregid32 setresgid32 setresuid32 setreuid32 setuid32
	sigprocmask sigreturn socketcall stat64 statfs64 sync_file_range2 timer_gettime64 timer_settime64 timerfd_gettime64
	timerfd_settime64 truncate64 ugetrlimit utimensat_time64 waitpid`

# The OCI bundle of one service, for plain runc.
["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW",
 "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
 "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"] as $capabilities
| ($user | split(":") | map(tonumber)) as [$uid, $gid]
| (if $uid == 0 then $capabilities else [] end) as $held
| {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: {uid: $uid, gid: $gid},
      args: ($command | split(" ")),
      env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "WEB=\($web)", "DB=\($db)"],
      cwd: "/",
      capabilities: {bounding: $capabilities, effective: $held, permitted: $held, inheritable: [], ambient: []},
      noNewPrivileges: false
    },
    root: {path: "rootfs", readonly: false},
    hostname: $service,
    annotations: {
      "com.docker.compose.project": $project,
      "com.docker.compose.service": $service,
      "org.opencontainers.image.ref.name": "\($project)-\($service):demo"
    },
    mounts: [
      {destination: "/proc", type: "proc", source: "proc"},
      {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
      {destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "nodev", "mode=1777", "size=65536k"]}
    ],
    linux: {
      namespaces: [{type: "pid"}, {type: "mount"}, {type: "ipc"}, {type: "uts"},
                   {type: "network", path: "/run/netns/\($project)-\($service)"}],
      resources: {devices: [{allow: false, access: "rwm"}]},
      maskedPaths: ["/proc/kcore", "/proc/keys"],
      readonlyPaths: ["/proc/bus", "/proc/sys"]
    }
  }

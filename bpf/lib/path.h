/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The path of a file from a task's own root, by walking dentries and mounts backwards. bpf_d_path
 * is refused in tracepoints.
 */
#ifndef RAMPART_PATH_H
#define RAMPART_PATH_H

/* Components and mount crossings that are followed; deeper paths are marked as cut. */
#define PATH_STEPS 192

struct path_buffer {
	/* Filled from the end; the tail takes one name read at the last position. */
	__u8 text[RP_PATH + RP_NAME];
};

struct path_walk {
	struct dentry *dentry;
	struct mount *mount;
	struct dentry *root;
	struct vfsmount *root_mount;
	struct path_buffer *buffer;
	__u32 at;
	bool done;
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (struct mount *)((void *)mnt - bpf_core_field_offset(struct mount, mnt));
}

static __always_inline struct vfsmount *vfs_of(struct mount *mount)
{
	return (struct vfsmount *)((void *)mount + bpf_core_field_offset(struct mount, mnt));
}

static long path_step(__u64 i, struct path_walk *walk)
{
	struct dentry *dentry = walk->dentry, *parent;
	struct mount *mount = walk->mount, *above;
	struct vfsmount *vfs = vfs_of(mount);
	struct qstr name;
	__u32 len, at = walk->at;

	if (dentry == walk->root && vfs == walk->root_mount) {
		walk->done = true;
		return 1;
	}
	if (dentry == BPF_CORE_READ(vfs, mnt_root)) {
		above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount) {
			walk->done = true;
			return 1;
		}
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = above;
		return 0;
	}
	bpf_core_read(&name, sizeof(name), &dentry->d_name);
	len = name.len;
	if (len >= RP_NAME || at < len + 1 || at > RP_PATH)
		return 1;
	at -= len;
	if (bpf_probe_read_kernel(&walk->buffer->text[at & (RP_PATH - 1)], len & (RP_NAME - 1),
				  name.name))
		return 1;
	at -= 1;
	walk->buffer->text[at & (RP_PATH - 1)] = '/';
	walk->at = at;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry) {
		/* A file without a directory: memfd, pipe. */
		walk->done = true;
		return 1;
	}
	walk->dentry = parent;
	return 0;
}

/*
 * Writes the path at the end of `buffer` and returns where it begins; RP_PATH when there is
 * nothing. `complete` is false when the front is missing.
 */
static __always_inline __u32 walk_path(struct path_buffer *buffer, struct vfsmount *mnt,
				       struct dentry *dentry, struct task_struct *task, bool *complete)
{
	struct path_walk walk = {
		.dentry = dentry,
		.mount = mount_of(mnt),
		.root = BPF_CORE_READ(task, fs, root.dentry),
		.root_mount = BPF_CORE_READ(task, fs, root.mnt),
		.buffer = buffer,
		.at = RP_PATH,
		.done = false,
	};

	bpf_loop(PATH_STEPS, path_step, &walk, 0);
	*complete = walk.done;
	return walk.at;
}

#endif

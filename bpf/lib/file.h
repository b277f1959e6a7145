/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which file it is, and which rule holds for it. A file is told by its inode on disk, never by a
 * path: links, bind mounts, other roots and other namespaces change nothing.
 */
#ifndef RAMPART_FILE_H
#define RAMPART_FILE_H

#define OVERLAY_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6

/* Directories above a file that are looked at. */
#define TREE_STEPS 192

/* An overlay inode is followed by a pointer to the upper dentry, if there is one. */
static __always_inline struct dentry *upper_dentry(struct inode *inode)
{
	void *upper = 0;

	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (void *)inode + bpf_core_type_size(struct inode));
	return upper;
}

static __always_inline bool in_upper_layer(struct inode *inode)
{
	return upper_dentry(inode) != 0;
}

#define ovl_of(inode, type) \
	((struct type *)((void *)(inode) - bpf_core_field_offset(struct type, vfs_inode)))

/* The topmost lower layer's; NULL where there is none, or the module's types are not known. */
static __always_inline struct dentry *lower_dentry(struct inode *inode)
{
	if (bpf_core_field_exists(struct ovl_inode___entry, oe)) {
		struct ovl_entry *oe = BPF_CORE_READ(ovl_of(inode, ovl_inode___entry), oe);

		if (!oe || !BPF_CORE_READ(oe, __numlower))
			return 0;
		return BPF_CORE_READ(oe, __lowerstack[0].dentry);
	}
	if (bpf_core_field_exists(struct ovl_inode___path, lowerpath))
		return BPF_CORE_READ(ovl_of(inode, ovl_inode___path), lowerpath.dentry);
	return 0;
}

static __always_inline void file_key(struct rp_file_key *key, struct inode *inode)
{
	key->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	key->ino = BPF_CORE_READ(inode, i_ino);
	key->generation = BPF_CORE_READ(inode, i_generation);
}

static __always_inline bool is_overlay(struct inode *inode)
{
	return BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAY_MAGIC;
}

/* Rule `rule` of 0 is the file's own; others are those whose exempt program it is. */
static __always_inline struct rp_file_rule *rule_of(__u32 set, __u32 rule, struct inode *inode)
{
	struct rp_file_key key = { .set = set, .rule = rule };
	struct rp_file_rule *found;
	struct inode *real;

	if (!is_overlay(inode)) {
		file_key(&key, inode);
		return bpf_map_lookup_elem(&file_rules, &key);
	}
	real = BPF_CORE_READ(upper_dentry(inode), d_inode);
	if (real) {
		file_key(&key, real);
		found = bpf_map_lookup_elem(&file_rules, &key);
		if (found)
			return found;
	}
	real = BPF_CORE_READ(lower_dentry(inode), d_inode);
	if (!real)
		return 0;
	file_key(&key, real);
	return bpf_map_lookup_elem(&file_rules, &key);
}

struct tree_walk {
	struct dentry *dentry;
	__u32 set;
	__u32 flags;
	__u32 rule;
	__u32 pad;
};

static long tree_step(__u64 i, struct tree_walk *walk)
{
	struct dentry *dentry = walk->dentry, *parent;
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct rp_file_rule *rule;

	if (inode) {
		rule = rule_of(walk->set, 0, inode);
		if (rule && (i == 0 || (rule->flags & RP_FILE_TREE) ||
			     (i == 1 && (rule->flags & RP_FILE_CHILDREN)))) {
			walk->flags |= i ? rule->flags & ~RP_FILE_ANCESTOR : rule->flags;
			walk->rule = rule->rule;
			if (rule->flags & (RP_FILE_NO_READ | RP_FILE_NO_WRITE | RP_FILE_NO_EXEC))
				return 1;
		}
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry)
		return 1;
	walk->dentry = parent;
	return 0;
}

static __always_inline __u32 file_flags(struct inode *inode, struct task_struct *task)
{
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	struct super_block *root = BPF_CORE_READ(task, fs, root.mnt, mnt_sb);
	__u64 magic = BPF_CORE_READ(sb, s_magic);
	__u32 flags = 0;

	if (magic == OVERLAY_MAGIC && in_upper_layer(inode))
		flags |= RP_EXEC_UPPER;
	if (magic == TMPFS_MAGIC || magic == RAMFS_MAGIC)
		flags |= RP_EXEC_TMPFS;
	if (BPF_CORE_READ(inode, i_nlink) == 0)
		flags |= RP_EXEC_UNLINKED;
	if (sb != root)
		flags |= RP_EXEC_FOREIGN;
	if (BPF_CORE_READ(root, s_magic) == OVERLAY_MAGIC)
		flags |= RP_EXEC_OVERLAY;
	return flags;
}

/* Whether the image shipped it. */
static __always_inline __u32 drift_reason(__u32 flags)
{
	if (flags & RP_EXEC_UNLINKED)
		return RP_REASON_FILELESS;
	if (flags & RP_EXEC_UPPER)
		return RP_REASON_DROPPED;
	if ((flags & RP_EXEC_TMPFS) && (flags & RP_EXEC_FOREIGN))
		return RP_REASON_TMPFS;
	return RP_REASON_NONE;
}

/* Why a program may not run, by the listed files and by drift. */
static __always_inline __u32 exec_reason(__u32 label, __u32 dev, __u64 ino, __u32 flags)
{
	struct rp_policy *policy = bpf_map_lookup_elem(&policies, &label);
	struct rp_exec_key key = { .dev = dev, .ino = ino };
	__u32 *listed;

	if (!policy || !(policy->flags & (RP_POLICY_DRIFT_KILL | RP_POLICY_DENY_LIST)))
		return RP_REASON_NONE;
	key.set = policy->set;
	listed = bpf_map_lookup_elem(&exec_verdicts, &key);
	if (listed)
		return *listed == RP_DENY ? RP_REASON_DENIED : RP_REASON_NONE;
	if (!(policy->flags & RP_POLICY_DRIFT_KILL))
		return RP_REASON_NONE;
	return drift_reason(flags);
}

#endif

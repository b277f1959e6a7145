/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A program with the setuid bit or file capabilities: nobody becomes root by running it. */

SEC("lsm/bprm_creds_from_file")
int BPF_PROG(lsm_bprm_creds, struct linux_binprm *bprm, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct cred *now = task->cred;
	struct guard guard = {};
	struct denial denial = { .op = RP_OP_SETUID, .reason = RP_REASON_GUARD };
	__u32 euid = BPF_CORE_READ(now, euid.val);

	if (euid == 0 || BPF_CORE_READ(bprm, cred, euid.val) != 0)
		return 0;
	if (!enter(&guard))
		return 0;
	denial.detail = euid;
	denial.mnt = BPF_CORE_READ(file, f_path.mnt);
	denial.dentry = BPF_CORE_READ(file, f_path.dentry);
	return guard_act(&guard, &denial, RP_GUARD_SETUID);
}

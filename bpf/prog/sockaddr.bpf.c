/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * connect and sendmsg with an address: refused with EPERM before anything is sent. A UDP connect
 * sends nothing (resolvers use it to choose a source address), so there the packet is judged.
 */

static __always_inline __u32 current_label(__u32 *pid)
{
	__u32 flags = 0, *label;

	*pid = bpf_get_current_pid_tgid() >> 32;
	label = bpf_map_lookup_elem(&members, pid);
	if (label)
		return *label;
	return cgroup_label(bpf_get_current_cgroup_id(), &flags);
}

static __always_inline int judge_address(struct bpf_sock_addr *ctx, const __u8 *peer)
{
	struct rp_flow_key flow = {};
	struct rp_policy *policy;
	struct decision decision;
	__u32 pid, label = current_label(&pid);

	if (!label || is_own(peer))
		return 1;
	policy = bpf_map_lookup_elem(&policies, &label);
	if (!policy)
		return 1;
	flow.label = label;
	flow.proto = ctx->protocol == IPPROTO_MPTCP_ ? IPPROTO_TCP__ : ctx->protocol;
	flow.peer_port = bpf_ntohs(ctx->user_port);
	__builtin_memcpy(flow.peer, peer, 16);
	decision = decide(policy, RP_EGRESS, flow.proto, flow.peer_port, peer);
	if (policy->flags & RP_POLICY_QUARANTINE)
		decision.verdict = RP_DENY;
	if (decision.verdict < RP_VIOLATE)
		return 1;
	report_flow(&flow, policy, &decision, RP_EGRESS, RP_HOOK_SOCK, pid);
	if (decision.verdict != RP_DENY)
		return 1;
	count(RP_COUNT_CONNECTS_DENIED);
	return 0;
}

static __always_inline int judge4(struct bpf_sock_addr *ctx)
{
	__u8 peer[16] __attribute__((aligned(8)));

	map_ipv4(peer, ctx->user_ip4);
	return judge_address(ctx, peer);
}

static __always_inline int judge6(struct bpf_sock_addr *ctx)
{
	__u32 peer[4] __attribute__((aligned(8)));

	peer[0] = ctx->user_ip6[0];
	peer[1] = ctx->user_ip6[1];
	peer[2] = ctx->user_ip6[2];
	peer[3] = ctx->user_ip6[3];
	return judge_address(ctx, (__u8 *)peer);
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return ctx->protocol == IPPROTO_UDP_ ? 1 : judge4(ctx);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	return ctx->protocol == IPPROTO_UDP_ ? 1 : judge6(ctx);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return judge4(ctx);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return judge6(ctx);
}

/* The label of a socket is its maker's, even when the maker has left its cgroup. */
SEC("cgroup/sock_create")
int on_sock_create(struct bpf_sock *ctx)
{
	struct rp_sock_state *socket;
	__u32 pid, label = current_label(&pid);

	if (!label)
		return 1;
	socket = bpf_sk_storage_get(&sockets, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (socket) {
		socket->label = label;
		socket->pid = pid;
		bpf_get_current_comm(socket->comm, RP_COMM);
	}
	return 1;
}

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Brings every structure of the contract into the object's type information, also those that
 * live on stacks only, so that a test can compare their layout with user space's.
 */
#ifndef RAMPART_LAYOUT_H
#define RAMPART_LAYOUT_H

struct rp_layout {
	struct rp_fork fork;
	struct rp_exec exec;
	struct rp_exit exit;
	struct rp_cred cred;
	struct rp_socket socket;
	struct rp_net net;
	struct rp_cgroup cgroup;
	struct rp_denied denied;
	struct rp_call call;
	struct rp_call_spec call_spec;
	struct rp_call_config call_config;
	struct rp_call_prefix call_prefix;
	struct rp_call_name call_name;
	struct rp_config config;
	struct rp_label label;
	struct rp_state state;
	struct rp_policy policy;
	struct rp_exec_key exec_key;
	struct rp_file_key file_key;
	struct rp_file_rule file_rule;
	struct rp_name_key name_key;
	struct rp_pattern pattern;
	struct rp_program_key program_key;
	struct rp_program program;
	struct rp_identify identify;
	struct rp_port_key port_key;
	struct rp_rule_key rule_key;
	struct rp_rule rule;
	struct rp_flow_key flow_key;
	struct rp_flow flow;
};

struct rp_layout *rp_layout __attribute__((used));

#endif

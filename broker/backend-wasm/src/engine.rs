//! How wasmtime is set up: one engine and one pool of instances for each plugin.
//!
//! A pool is never shared between plugins: slots leaked data from one instance to the next twice in wasmtime's history
//! (RUSTSEC-2022-0098, RUSTSEC-2026-0088), and then it must be the plugin's own.

use wasmtime::{Config, Engine, PoolingAllocationConfig, Strategy};

use crate::limits::Limits;

/// What the host keeps of one core module: its functions, globals and tables. Interpreters have many.
const INSTANCE_BYTES_MAX: usize = 4 << 20;
const TABLES_MAX: u32 = 4;
/// Several modules may share a memory, but a guest has one.
const MEMORIES_MAX: u32 = 1;
/// The host's own functions run on the guest's stack, under what the guest's code may use.
const HOST_STACK_BYTES: usize = 1 << 20;
/// Kept mapped between calls, wiped with `memset`: cheaper than giving every page back and faulting it in again, each fault
/// with a word to every other core. More than an honest guest writes to: what is beyond is given back in each call.
const RESIDENT_BYTES: usize = 192 << 10;
/// Freed slots are given back in batches of this many.
const DECOMMIT_BATCH: usize = 64;

/// An engine whose pool holds just the instances that these limits allow.
///
/// # Errors
/// Limits that make no pool: zero, or more than the address space holds.
pub fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    let calls = limits.calls_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(limits.core_instances_max))
        .total_memories(calls.saturating_mul(MEMORIES_MAX))
        .total_tables(calls.saturating_mul(TABLES_MAX))
        .total_stacks(calls)
        .max_core_instances_per_component(limits.core_instances_max)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_memory_size(limits.memory_bytes_max)
        .table_elements(limits.table_elements_max)
        .linear_memory_keep_resident(RESIDENT_BYTES)
        .table_keep_resident(RESIDENT_BYTES)
        .decommit_batch_size(DECOMMIT_BATCH);
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(limits.stack_bytes_max)
        .async_stack_size(limits.stack_bytes_max.saturating_add(HOST_STACK_BYTES))
        // Function names in a backtrace are the guest's words, and walking the stack of every trap costs.
        .wasm_backtrace_max_frames(None)
        // Young or rarely used parts of the compiler that no guest of ours needs.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .allocation_strategy(pool);
    Engine::new(&config)
}

//! What one plugin may use up.

/// Every limit of a plugin. The defaults fit guests written in Rust or C; guests that carry an interpreter need more memory
/// and tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time of one call, all candidates of an unwrap together.
    pub call_ms_max: u64,
    /// The same for calls that make a key: RSA-4096 takes seconds.
    pub generate_ms_max: u64,
    /// How long a call waits for its turn when `calls_max` are under way, before it is refused as busy.
    pub queue_ms_max: u64,
    /// How many calls may wait so; the next is refused at once.
    pub queue_calls_max: usize,
    /// Calls under way at a time: the size of the pool of instances.
    pub calls_max: u32,
    /// RSA keys being generated at a time; each keeps one core busy.
    pub generations_max: usize,
    /// Linear memory of an instance.
    pub memory_bytes_max: usize,
    /// Elements of each of an instance's tables.
    pub table_elements_max: usize,
    /// Core modules inside the component: a guest, and the small ones that `wit-component` puts round it. Interpreters bring
    /// a library in each.
    pub core_instances_max: u32,
    /// Stack that a guest's code may use.
    pub stack_bytes_max: usize,
    /// Every list that comes out of a guest. A little above 64 KiB, for the largest secret grows when it is wrapped.
    pub output_bytes_max: usize,
    /// Log lines a call; what goes beyond is dropped and counted.
    pub log_lines_max: u32,
    /// Calls of the host in one call, `log` and drops apart; the next ends it.
    pub host_calls_max: u32,
    /// Of these, how many may ask for cryptography.
    pub acts_max: u32,
    /// What all calls of the plugin may compute together while others wait, in percent of one core.
    pub compute_percent_max: u32,
    /// Keys and secrets a guest may hold at a time.
    pub handles_max: usize,
    /// The component's file.
    pub component_bytes_max: u64,
    /// Parsed keys that are kept, each reckoned as 8 KiB and its sealed bytes.
    pub key_cache_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_ms_max: 1_000,
            generate_ms_max: 30_000,
            queue_ms_max: 500,
            queue_calls_max: 1_024,
            calls_max: 128,
            generations_max: 2,
            memory_bytes_max: 16 << 20,
            table_elements_max: 10_000,
            core_instances_max: 8,
            stack_bytes_max: 512 << 10,
            output_bytes_max: 65 << 10,
            log_lines_max: 32,
            host_calls_max: 1_000,
            acts_max: 128,
            compute_percent_max: 20,
            handles_max: 64,
            component_bytes_max: 64 << 20,
            key_cache_bytes_max: 16 << 20,
        }
    }
}

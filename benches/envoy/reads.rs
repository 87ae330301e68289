//! A proxy-wasm filter that reads the header fields of a request by one call and does nothing: what any filter that looks at a request
//! costs there.
#![no_std]

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map: u32, bytes: *mut *mut u8, length: *mut usize) -> u32;
}

const ROOM: usize = 1 << 16;
static mut FIELDS: [u8; ROOM] = [0; ROOM];

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// The same room for every request: each is read before the next one comes.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(length: usize) -> *mut u8 {
    if length > ROOM { core::ptr::null_mut() } else { (&raw mut FIELDS).cast() }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(_context: u32, _parent: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_context: u32, _fields: usize, _end_of_stream: u32) -> u32 {
    let (mut bytes, mut length) = (core::ptr::null_mut(), 0);
    // SAFETY: the addresses are valid for the call.
    unsafe { proxy_get_header_map_pairs(0, &raw mut bytes, &raw mut length) };
    0
}

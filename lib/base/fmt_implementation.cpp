// The one translation unit that carries fmt's out-of-line code: Debian ships fmt compiled only as a shared library, and the
// guest's programs are static. Included in every source, it took a quarter of the time of the whole build.
#include <fmt/format-inl.h>

namespace fmt::inline v9::detail {

// What fmt/format.h declares as `extern template`, or uses from here.
template auto dragonbox::to_decimal(float) noexcept -> dragonbox::decimal_fp<float>;
template auto dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template locale_ref::locale_ref(const std::locale&);
template auto locale_ref::get<std::locale>() const -> std::locale;
template auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl(locale_ref) -> char;
template void buffer<char>::append(const char*, const char*);
template void vformat_to(buffer<char>&, string_view, basic_format_args<FMT_BUFFER_CONTEXT(char)>, locale_ref);

}  // namespace fmt::inline v9::detail
